"""rosbag2 as files: storages, messages, types. Knows nothing of robots or samples."""
