"""What runs a policy: decoding, devices, encoders, the policy itself; and `export`, which makes their files.

On a robot it needs ONNX Runtime only. Torch is imported by six files: `compute/torch_device`, `encoders/huggingface`, `encoders/pixels`,
`policy/torch_action_layer` when a policy asks for them, and those of `export`.
"""
