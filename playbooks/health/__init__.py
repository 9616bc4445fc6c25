"""Whether everything around a playbook is as it has to be: looks in, troubles with their fix out.

Pure: the looks are taken by `playbooks.inspection`, for the health page and for `doctor`.
"""
