"""Incidents and alerts as ARM SecurityInsights 2025-09-01 answers them and Sentinel posts them."""

from simulator.workspace.directory import stable_id
from simulator.workspace.entities import alert_type, entity_resources, extended_properties, table_entities
from simulator.workspace.model import (
    CUSTOMER_ID,
    INSIGHTS_ID,
    RESOURCE_GROUP,
    SUBSCRIPTION,
    TENANT_ID,
    WORKSPACE,
    AlertSpec,
)
from simulator.workspace.records import IncidentRecord
from simulator.workspace.wire import Json, wire_time


def incident_resource(record: IncidentRecord) -> Json:
    """The incident as `Incidents_Get` answers it: what is cleared is absent, no owner is all null."""
    written = {name: value for name, value in record.written.items() if value is not None}
    return {
        "id": record.id,
        "name": record.name,
        "etag": record.etag,
        "type": "Microsoft.SecurityInsights/Incidents",
        "properties": written
        | {
            "createdTimeUtc": wire_time(record.created),
            "lastModifiedTimeUtc": wire_time(record.modified),
            "incidentNumber": record.number,
            "incidentUrl": record.url,
            "providerName": record.provider,
            "providerIncidentId": record.provider_id,
            "relatedAnalyticRuleIds": [f"{INSIGHTS_ID}/alertRules/{rule_id}" for rule_id in record.rule_ids],
            "additionalData": {
                "alertsCount": len(record.alerts),
                "bookmarksCount": 0,
                "commentsCount": len(record.comments),
                "alertProductNames": record.product_names,
                "tactics": record.tactics,
            },
        },
    }


def alert_resource(alert: AlertSpec) -> Json:
    """The alert as `Incidents_ListAlerts` answers it."""
    return {
        "id": f"{INSIGHTS_ID}/Entities/{alert.system_alert_id}",
        "name": alert.system_alert_id,
        "type": "Microsoft.SecurityInsights/Entities",
        "kind": "SecurityAlert",
        "properties": {
            "systemAlertId": alert.system_alert_id,
            "providerAlertId": alert.system_alert_id,
            "alertDisplayName": alert.display_name,
            "description": alert.description,
            "friendlyName": alert.display_name,
            "alertType": alert_type(alert),
            "severity": alert.severity,
            "status": "New",
            "confidenceLevel": "Unknown",
            "vendorName": alert.vendor_name,
            "productName": alert.product_name,
            "productComponentName": alert.product_component_name,
            "tactics": list(alert.tactics),
            "startTimeUtc": wire_time(alert.start),
            "endTimeUtc": wire_time(alert.end),
            "timeGenerated": wire_time(alert.time_generated or alert.end),
            "processingEndTime": wire_time(alert.time_generated or alert.end),
            "resourceIdentifiers": [
                {
                    "type": "LogAnalytics",
                    "workspaceId": CUSTOMER_ID,
                    "subscriptionId": SUBSCRIPTION,
                    "resourceGroup": RESOURCE_GROUP,
                }
            ],
            "additionalData": extended_properties(alert),
        },
    }


def incident_trigger(record: IncidentRecord, *, event: str) -> Json:
    """The body that the incident trigger posts; `event` is Create or Update."""
    resource = incident_resource(record)
    comments = list(record.comments.values())
    more = resource["properties"]["additionalData"] | {"techniques": record.techniques}
    return {
        "eventUniqueId": stable_id("event", record.name, record.etag),
        "objectSchemaType": "Incident",
        "objectEventType": event,
        "workspaceInfo": {
            "SubscriptionId": SUBSCRIPTION,
            "ResourceGroupName": RESOURCE_GROUP,
            "WorkspaceName": WORKSPACE,
        },
        "workspaceId": CUSTOMER_ID,
        "object": resource
        | {
            "properties": resource["properties"]
            | {
                "alerts": [alert_resource(alert) for alert in record.alerts],
                "bookmarks": [],
                "relatedEntities": entity_resources(record.alerts),
                "comments": comments,
                "additionalData": more,
            }
        },
    }


def alert_trigger(alert: AlertSpec) -> Json:
    """The body that the alert trigger posts."""
    return {
        "SystemAlertId": alert.system_alert_id,
        "ProviderAlertId": alert.system_alert_id,
        "AlertDisplayName": alert.display_name,
        "AlertType": alert_type(alert),
        "Severity": alert.severity,
        "Description": alert.description,
        "Status": "New",
        "ProviderName": alert.provider_name,
        "VendorName": alert.vendor_name,
        "ProductName": alert.product_name,
        "ProductComponentName": alert.product_component_name,
        "CompromisedEntity": None,
        "IsIncident": False,
        "StartTimeUtc": wire_time(alert.start),
        "EndTimeUtc": wire_time(alert.end),
        "TimeGenerated": wire_time(alert.time_generated or alert.end),
        "ProcessingEndTime": wire_time(alert.time_generated or alert.end),
        "Tactics": ", ".join(alert.tactics),
        "Entities": table_entities(alert.entities),
        "ExtendedProperties": extended_properties(alert),
        "WorkspaceId": CUSTOMER_ID,
        "WorkspaceSubscriptionId": SUBSCRIPTION,
        "WorkspaceResourceGroup": RESOURCE_GROUP,
        "TenantId": TENANT_ID,
    }
