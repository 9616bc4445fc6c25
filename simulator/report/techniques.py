"""Names of the ATT&CK techniques that scenarios use (Enterprise ATT&CK, attack.mitre.org)."""

from types import MappingProxyType

from simulator.catalogues import CATALOGUES

NAMES = MappingProxyType(
    {
        "T1021.002": "Remote Services: SMB/Windows Admin Shares",
        "T1027.010": "Obfuscated Files or Information: Command Obfuscation",
        "T1036.004": "Masquerading: Masquerade Task or Service",
        "T1047": "Windows Management Instrumentation",
        "T1053.005": "Scheduled Task/Job: Scheduled Task",
        "T1059.001": "Command and Scripting Interpreter: PowerShell",
        "T1070": "Indicator Removal",
        "T1070.008": "Indicator Removal: Clear Mailbox Data",
        "T1074.002": "Data Staged: Remote Data Staging",
        "T1078.002": "Valid Accounts: Domain Accounts",
        "T1087.003": "Account Discovery: Email Account",
        "T1098.002": "Account Manipulation: Additional Email Delegate Permissions",
        "T1114": "Email Collection",
        "T1114.002": "Email Collection: Remote Email Collection",
        "T1190": "Exploit Public-Facing Application",
        "T1218.011": "System Binary Proxy Execution: Rundll32",
        "T1505.003": "Server Software Component: Web Shell",
        "T1543.003": "Create or Modify System Process: Windows Service",
        "T1560.001": "Archive Collected Data: Archive via Utility",
    }
)


def technique_name(technique: str) -> str:
    """The technique's name, here or in a playbook's catalogue; nothing for one that is known nowhere."""
    known = (NAMES, *(catalogue.techniques for catalogue in CATALOGUES.values()))
    return next((names[technique] for names in known if technique in names), "")


def technique_page(technique: str) -> str:
    """Its page on attack.mitre.org."""
    return f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}/"
