// What the two identities may do in the Sentinel workspace.
param workspaceName string
@description('Principal of the function app.')
param functionPrincipalId string
@description('Principal of the Logic App.')
param playbookPrincipalId string

var sentinelResponder = '3e150937-b8fe-4cfb-8069-0eaf05ecd056'
var sentinelReader = '8d289c81-5878-46d4-8554-54e1e3d8b5cb'
var logAnalyticsReader = '73c42c96-874c-492b-b04d-ab87d138a893'

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

// Incidents, comments, tasks, watchlists.
resource responder 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, functionPrincipalId, sentinelResponder)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', sentinelResponder)
    principalId: functionPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Process events and alerts.
resource logsReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, functionPrincipalId, logAnalyticsReader)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', logAnalyticsReader)
    principalId: functionPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The incident trigger of the Logic App.
resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, playbookPrincipalId, sentinelReader)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', sentinelReader)
    principalId: playbookPrincipalId
    principalType: 'ServicePrincipal'
  }
}
