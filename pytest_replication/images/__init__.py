"""Where images come from and how they are read: the same way for training images and samples."""
