// What an operator has to be told: alarms, stuck or lost messages, incidents that nobody triaged.
param location string
param tags object
param namePrefix string
param telemetryWorkspaceId string
param sentinelWorkspaceId string
param storageAccountId string
param logicAppId string
@description('Ids of the analytics rules, separated by semicolons.')
param ruleIds string
param queueLengthLimit int
param alertEmail string
param actionGroupIds array

var told = empty(alertEmail) ? actionGroupIds : concat(actionGroupIds, [
  operators.id
])
// A part may be `<playbook>=<id>`.
var quotedRuleIds = join(map(split(replace(ruleIds, ' ', ''), ';'), part => last(split(part, '='))), '", "')

var logAlerts = [
  {
    name: 'alarm'
    words: 'The triage raised an alarm; the row names it. See docs/operate.md.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    workspace: telemetryWorkspaceId
    query: loadTextContent('../queries/alarms.kql')
  }
  {
    name: 'poison-failing'
    words: 'The last resort fails: incidents that could not be triaged cannot be escalated either.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    workspace: telemetryWorkspaceId
    query: loadTextContent('../queries/poison_failing.kql')
  }
  {
    name: 'unfinished'
    words: 'Incidents were accepted more than six hours ago and are neither decided nor escalated.'
    severity: 2
    frequency: 'PT1H'
    window: 'P1D'
    workspace: telemetryWorkspaceId
    query: loadTextContent('../queries/unfinished.kql')
  }
  {
    name: 'untriaged'
    words: 'Incidents of the triage rules are New for four hours and bear no label of the triage.'
    severity: 2
    frequency: 'PT1H'
    window: 'P1D'
    workspace: sentinelWorkspaceId
    query: replace(loadTextContent('../queries/untriaged.kql'), '__RULE_IDS__', quotedRuleIds)
  }
]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: 'ag-${namePrefix}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take(namePrefix, 12)
    enabled: true
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in logAlerts: {
  name: '${namePrefix}-${alert.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Mailbox export triage: ${alert.name}'
    description: alert.words
    severity: alert.severity
    enabled: true
    scopes: [
      alert.workspace
    ]
    evaluationFrequency: alert.frequency
    windowSize: alert.window
    autoMitigate: true
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: told
    }
  }
}]

// Azure counts messages of all queues of the account, once an hour; it knows no age and no single queue.
resource queueLength 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}-queue-length'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages pile up in the queues of the triage.'
    severity: 2
    enabled: true
    scopes: [
      '${storageAccountId}/queueServices/default'
    ]
    evaluationFrequency: 'PT1H'
    windowSize: 'PT1H'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'messages'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.Storage/storageAccounts/queueServices'
          metricName: 'QueueMessageCount'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: queueLengthLimit
        }
      ]
    }
    actions: [for group in told: {
      actionGroupId: group
    }]
  }
}

resource runsFailed 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}-playbook-runs-failed'
  location: 'global'
  tags: tags
  properties: {
    description: 'The Logic App could not hand an incident over; it stays open and untriaged.'
    severity: 1
    enabled: true
    scopes: [
      logicAppId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'failures'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.Logic/workflows'
          metricName: 'RunsFailed'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [for group in told: {
      actionGroupId: group
    }]
  }
}
