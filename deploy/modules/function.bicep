// The function app on Flex Consumption, and who may call it.
param location string
param tags object
param name string
param planName string
param identityId string
param identityClientId string
param blobEndpoint string
param queueEndpoint string
param packageContainer string
param telemetryConnection string
param triageSettings object
param maximumInstanceCount int
param behindEntra bool
param apiClientId string
param callerClientId string
param callerPrincipalId string
param operatorObjectIds array
@description('Whether the timer hands over incidents that no automation rule handed over.')
param sweepEnabled bool

// The Azure CLI, through which operators ask for health and preview.
var azureCliClientId = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
var admittedApplications = empty(operatorObjectIds) ? [
  callerClientId
] : [
  callerClientId
  azureCliClientId
]

var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  'AzureWebJobs.sweep.Disabled': sweepEnabled ? 'false' : 'true'
  // Alarms are traces: none may be sampled away.
  AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes: 'Request;Exception;Trace'
}
var allSettings = union(hostSettings, triageSettings)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': 'api'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      appSettings: [for setting in items(allSettings): {
        name: setting.key
        value: setting.value
      }]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
}

// Profile entra: tokens of the Logic App's identity, and of named operators; anything else is 401 or 403.
resource entra 'Microsoft.Web/sites/config@2024-04-01' = if (behindEntra) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: apiClientId
          openIdIssuer: 'https://sts.windows.net/${tenant().tenantId}/'
        }
        validation: {
          allowedAudiences: [
            'api://${apiClientId}'
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: admittedApplications
            allowedPrincipals: {
              identities: concat([
                callerPrincipalId
              ], operatorObjectIds)
            }
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

// Packages come with an Entra token; the passwords of the publishing profile stay off.
resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [for policy in [
  'ftp'
  'scm'
]: {
  parent: app
  name: policy
  properties: {
    allow: false
  }
}]

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
