#!/usr/bin/env bash
# Makes or completes the app registration that guards the function app (profile entra). Safe to run again.
# Prints what it would do; with --apply it does it. The last line of output is the application (client) id.
# Needs: Azure CLI, signed in as somebody who may register applications.
set -euo pipefail

name=mailbox-export-triage
apply=false
azure_cli=04b07795-8ddb-461a-bbee-02f9e1bf7b46

usage() { echo "usage: register_api.sh [--name NAME] [--apply]" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --name) [ $# -ge 2 ] || usage; name=$2; shift 2 ;;
    --apply) apply=true; shift ;;
    *) usage ;;
  esac
done
command -v az >/dev/null || { echo "The Azure CLI (az) was not found; install it and run az login." >&2; exit 2; }

say() { echo "$1" >&2; }

ids=$(az ad app list --filter "displayName eq '${name//\'/\'\'}'" --query '[].appId' --output tsv)
if [ "$(grep -c . <<< "$ids" || true)" -gt 1 ]; then
  say "Several app registrations are named '$name'; remove all but one, or choose another --name."
  exit 2
fi

if [ -z "$ids" ]; then
  say "app registration '$name': to be made"
  if ! $apply; then say "Nothing was changed. Run again with --apply."; exit 0; fi
  ids=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
fi
app_id=$ids

uris=$(az ad app show --id "$app_id" --query 'identifierUris' --output tsv)
if ! grep -qx "api://$app_id" <<< "$uris"; then
  say "application id URI api://$app_id: to be set"
  if $apply; then az ad app update --id "$app_id" --identifier-uris "api://$app_id"; fi
fi

# One scope, granted to the Azure CLI beforehand, so that operators get a token without a consent page.
scopes=$(az ad app show --id "$app_id" --query 'api.oauth2PermissionScopes[].value' --output tsv)
if ! grep -qx user_impersonation <<< "$scopes"; then
  say "scope user_impersonation for the Azure CLI: to be added"
  if $apply; then
    object_id=$(az ad app show --id "$app_id" --query id --output tsv)
    scope_id=$(python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, sys.argv[1]))' "api://$app_id/user_impersonation")
    scope="{\"id\":\"$scope_id\",\"value\":\"user_impersonation\",\"type\":\"Admin\",\"isEnabled\":true,\"adminConsentDisplayName\":\"Call the mailbox export triage\",\"adminConsentDescription\":\"Ask for health and preview as yourself\"}"
    graph() { az rest --method PATCH --url "https://graph.microsoft.com/v1.0/applications/$object_id" --headers Content-Type=application/json --body "$1"; }
    graph "{\"api\":{\"oauth2PermissionScopes\":[$scope]}}"
    graph "{\"api\":{\"preAuthorizedApplications\":[{\"appId\":\"$azure_cli\",\"delegatedPermissionIds\":[\"$scope_id\"]}]}}"
  fi
fi

if [ -z "$(az ad sp list --filter "appId eq '$app_id'" --query '[].id' --output tsv)" ]; then
  say "service principal: to be made"
  if $apply; then az ad sp create --id "$app_id" --output none; fi
fi

if ! $apply; then say "Nothing was changed. Run again with --apply."; fi
echo "$app_id"
