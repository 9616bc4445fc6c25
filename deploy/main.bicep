// The mailbox export triage: function app, storage, identities, Logic App, Sentinel content, alerts.
// Deploys into one resource group; the Sentinel workspace may lie in another one of the same tenant.
targetScope = 'resourceGroup'

@description('Region of every resource made here. It has to offer Flex Consumption.')
param location string = resourceGroup().location

@description('Start of every resource name: small letters and digits.')
@minLength(3)
@maxLength(10)
param namePrefix string = 'mbxtriage'

@description('ARM id of the Sentinel workspace.')
param workspaceId string

@description('ARM id of the workspace that keeps the app log. Empty: the Sentinel workspace, as the workbook expects.')
param telemetryWorkspaceId string = ''

@description('Object id of the service principal "Azure Security Insights" in this tenant: az ad sp show --id 98785600-1bb7-4fb9-b9fa-19afe2c8a360 --query id. Empty: it may start playbooks of this resource group already.')
param sentinelServicePrincipalId string

@description('How the Logic App proves who it is. entra: token of its identity. key: function key in a header.')
@allowed([
  'entra'
  'key'
])
param authProfile string = 'entra'

@description('Profile entra: application (client) id of the app registration made by deploy/register_api.sh.')
param apiClientId string = ''

@description('Profile entra: object ids of people who may call health and preview through the Azure CLI.')
@maxLength(10)
param operatorObjectIds array = []

@description('Profile key: the function key that the Logic App sends.')
@secure()
param functionKey string = ''

@description('E-mail address for alerts. Empty: no action group is made here.')
param alertEmail string = ''

@description('ARM ids of action groups that are told of alerts too.')
param actionGroupIds array = []

@description('Messages in the queues, on average over an hour, above which an alert is raised.')
@minValue(1)
param queueLengthLimit int = 50

@description('Standard_ZRS keeps queued incidents through the loss of a zone; Standard_LRS where a region has no zones.')
@allowed([
  'Standard_ZRS'
  'Standard_LRS'
])
param storageSku string = 'Standard_ZRS'

@description('Instances at most.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('ARM ids of further analytics rules whose incidents are triaged; put their names into ruleIds too.')
param otherRuleArmIds array = []

@description('Whether incidents are handed over, by automation rules and by the timer. false stops the triage.')
param automationEnabled bool = true

// App settings: each one is a text in the form that docs/settings.md gives; empty takes the default of the app.
@description('TRIAGE_MODE: observe or act.')
@allowed([
  'observe'
  'act'
])
param mode string = 'observe'

@description('TRIAGE_INCIDENTS: sentinel, or graph for a workspace in the Defender portal (docs/deploy.md).')
@allowed([
  'sentinel'
  'graph'
])
param incidents string = 'sentinel'

@description('TRIAGE_DOMAINS, such as CONTOSO=contoso.com')
@minLength(1)
param domains string

@description('TRIAGE_TIME_ZONE, such as Europe/Vienna')
@minLength(1)
param timeZone string

@description('TRIAGE_BUSINESS_HOURS, such as Mon-Fri 07:00-19:00')
@minLength(1)
param businessHours string

@description('Further workspaces for TRIAGE_WORKSPACES (ARM id=customer id); grant the roles there by hand.')
param moreWorkspaces string = ''

@description('TRIAGE_PLAYBOOKS: the playbooks that are on, separated by ";". This template brings the content of mailbox_export.')
param playbooks string = 'mailbox_export'
@description('TRIAGE_RULE_IDS')
param ruleIds string = ''
@description('TRIAGE_EXPORT_ROLE_GROUPS')
param exportRoleGroups string = ''
@description('TRIAGE_EXCHANGE_ADMIN_GROUPS')
param exchangeAdminGroups string = ''
@description('TRIAGE_EDISCOVERY_GROUPS')
param ediscoveryGroups string = ''
@description('TRIAGE_PERSONAL_EXPORT_ROOT')
param personalExportRoot string = ''
@description('TRIAGE_FILE_SERVER_SUFFIXES')
param fileServerSuffixes string = ''
@description('TRIAGE_SERVICE_ACCOUNT_PATTERNS')
param serviceAccountPatterns string = ''
@description('TRIAGE_SERVICE_ACCOUNT_GROUPS')
param serviceAccountGroups string = ''
@description('TRIAGE_IDENTITY_PROTECTION')
param identityProtection string = ''
@description('TRIAGE_CLOSE_LIMIT')
param closeLimit string = ''
@description('TRIAGE_SAMPLE_SHARE')
param sampleShare string = ''
@description('TRIAGE_HOLD_MINUTES')
param holdMinutes string = ''
@description('TRIAGE_LOG_WAIT_MINUTES')
param logWaitMinutes string = ''
@description('TRIAGE_UNOWNED_OWNERS')
param unownedOwners string = ''
@description('TRIAGE_ESCALATED_STATUS')
param escalatedStatus string = ''
@description('TRIAGE_ARM_ENDPOINT, for sovereign clouds')
param armEndpoint string = ''
@description('TRIAGE_GRAPH_ENDPOINT, for sovereign clouds')
param graphEndpoint string = ''
@description('TRIAGE_LOGS_ENDPOINT, for sovereign clouds')
param logsEndpoint string = ''

var suffix = uniqueString(resourceGroup().id, namePrefix)
var tags = {
  application: 'mailbox-export-triage'
}
var queueName = 'triage'
// Without a registration the key stays on: a half-filled parameter file must not open the app to everybody.
var behindEntra = authProfile == 'entra' && !empty(apiClientId)
var playbookName = 'MailboxExportTriage'
var workspaceParts = split(workspaceId, '/')
var ownWorkspace = '${workspaceId}=${workspace.properties.customerId}'
var seedRuleId = '4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87'
var correlatedRuleId = 'b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34'
var watchedRuleIds = empty(ruleIds) ? '${seedRuleId};${correlatedRuleId}' : ruleIds

var triageSettings = {
  TRIAGE_MODE: mode
  TRIAGE_INCIDENTS: incidents
  TRIAGE_WORKSPACES: empty(moreWorkspaces) ? ownWorkspace : '${ownWorkspace};${moreWorkspaces}'
  TRIAGE_DOMAINS: domains
  TRIAGE_TIME_ZONE: timeZone
  TRIAGE_BUSINESS_HOURS: businessHours
  TRIAGE_PLAYBOOKS: playbooks
  TRIAGE_RULE_IDS: ruleIds
  TRIAGE_EXPORT_ROLE_GROUPS: exportRoleGroups
  TRIAGE_EXCHANGE_ADMIN_GROUPS: exchangeAdminGroups
  TRIAGE_EDISCOVERY_GROUPS: ediscoveryGroups
  TRIAGE_PERSONAL_EXPORT_ROOT: personalExportRoot
  TRIAGE_FILE_SERVER_SUFFIXES: fileServerSuffixes
  TRIAGE_SERVICE_ACCOUNT_PATTERNS: serviceAccountPatterns
  TRIAGE_SERVICE_ACCOUNT_GROUPS: serviceAccountGroups
  TRIAGE_IDENTITY_PROTECTION: identityProtection
  TRIAGE_CLOSE_LIMIT: closeLimit
  TRIAGE_SAMPLE_SHARE: sampleShare
  TRIAGE_HOLD_MINUTES: holdMinutes
  TRIAGE_LOG_WAIT_MINUTES: logWaitMinutes
  TRIAGE_UNOWNED_OWNERS: unownedOwners
  TRIAGE_ESCALATED_STATUS: escalatedStatus
  TRIAGE_QUEUE_NAME: queueName
  TRIAGE_HTTP_AUTH_LEVEL: behindEntra ? 'anonymous' : 'function'
  TRIAGE_CLIENT_ID: identity.properties.clientId
  TRIAGE_ARM_ENDPOINT: armEndpoint
  TRIAGE_GRAPH_ENDPOINT: graphEndpoint
  TRIAGE_LOGS_ENDPOINT: logsEndpoint
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceParts[8]
  scope: resourceGroup(workspaceParts[2], workspaceParts[4])
}

// Two identities: what may read the directory and close incidents is not what receives calls from Sentinel.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${namePrefix}-function'
  location: location
  tags: tags
}

resource caller 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${namePrefix}-playbook'
  location: location
  tags: tags
}

module storage 'modules/storage.bicep' = {
  name: 'triage-storage'
  params: {
    location: location
    tags: tags
    name: take('st${namePrefix}${suffix}', 24)
    queueName: queueName
    sku: storageSku
    principalId: identity.properties.principalId
  }
}

module telemetry 'modules/telemetry.bicep' = {
  name: 'triage-telemetry'
  params: {
    location: location
    tags: tags
    name: 'appi-${namePrefix}-${suffix}'
    workspaceId: empty(telemetryWorkspaceId) ? workspaceId : telemetryWorkspaceId
    principalId: identity.properties.principalId
  }
}

module workspaceRoles 'modules/workspace_roles.bicep' = {
  name: 'triage-workspace-roles'
  scope: resourceGroup(workspaceParts[2], workspaceParts[4])
  params: {
    workspaceName: workspaceParts[8]
    functionPrincipalId: identity.properties.principalId
    playbookPrincipalId: caller.properties.principalId
  }
}

module functionApp 'modules/function.bicep' = {
  name: 'triage-function'
  dependsOn: [
    workspaceRoles
  ]
  params: {
    location: location
    tags: tags
    name: 'func-${namePrefix}-${suffix}'
    planName: 'plan-${namePrefix}-${suffix}'
    identityId: identity.id
    identityClientId: identity.properties.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    packageContainer: storage.outputs.packageContainer
    telemetryConnection: telemetry.outputs.connectionString
    triageSettings: triageSettings
    maximumInstanceCount: maximumInstanceCount
    behindEntra: behindEntra
    apiClientId: apiClientId
    callerClientId: caller.properties.clientId
    callerPrincipalId: caller.properties.principalId
    operatorObjectIds: operatorObjectIds
    sweepEnabled: automationEnabled
  }
}

module playbook '../playbooks/mailbox_export/sentinel/Playbooks/MailboxExportTriage/azuredeploy.json' = {
  name: 'triage-playbook'
  params: {
    PlaybookName: playbookName
    FunctionUrl: functionApp.outputs.url
    IdentityId: caller.id
    AuthProfile: authProfile
    Audience: empty(apiClientId) ? '' : 'api://${apiClientId}'
    FunctionKey: functionKey
    Location: location
  }
}

// Microsoft Sentinel Automation Contributor, so that automation rules may start the Logic App.
resource automation 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(sentinelServicePrincipalId)) {
  name: guid(resourceGroup().id, sentinelServicePrincipalId, 'f4c81013-99ee-4d62-a7ee-b3f1f648599a')
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'f4c81013-99ee-4d62-a7ee-b3f1f648599a')
    principalId: sentinelServicePrincipalId
    principalType: 'ServicePrincipal'
  }
}

module content '../playbooks/mailbox_export/sentinel/azuredeploy.json' = {
  name: 'triage-sentinel-content'
  scope: resourceGroup(workspaceParts[2], workspaceParts[4])
  dependsOn: [
    automation
  ]
  params: {
    workspaceName: workspaceParts[8]
    location: location
    logicAppId: playbook.outputs.logicAppId
    tenantId: tenant().tenantId
    otherRuleArmIds: otherRuleArmIds
    automationEnabled: automationEnabled
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'triage-alerts'
  params: {
    location: location
    tags: tags
    namePrefix: namePrefix
    telemetryWorkspaceId: empty(telemetryWorkspaceId) ? workspaceId : telemetryWorkspaceId
    sentinelWorkspaceId: workspaceId
    storageAccountId: storage.outputs.id
    logicAppId: playbook.outputs.logicAppId
    ruleIds: watchedRuleIds
    queueLengthLimit: queueLengthLimit
    alertEmail: alertEmail
    actionGroupIds: actionGroupIds
  }
}

output functionName string = functionApp.outputs.name
output functionUrl string = functionApp.outputs.url
output functionPrincipalId string = identity.properties.principalId
output logicAppId string = playbook.outputs.logicAppId
output storageName string = storage.outputs.name
