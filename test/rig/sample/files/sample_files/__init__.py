"""Volumes with what file trees have: fills them, changes them, says what they hold."""
