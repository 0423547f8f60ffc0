// The table of the API's operations, and how a request finds its operation. Routes, checks and the description from which clients build
// their commands are all made from it.
//
// 1. Version, path, method and op together name at most one operation.
//
// A new operation is a call of `defineOperation` in the file of its group, and a new group has a place in OPERATIONS; `login-operations.ts` is a
// short model, and `machine-calls.ts` has the parts that operations on machines share. The head of `operation.ts` says which operations need
// `ownTransaction: true`. The description and a command of `rackboot` (`cli/operations/`) follow from the table. Then:
//
// - a new code of a refusal needs its sentence in `region/words/en/`; a new name needs its meaning in `reasons.ts` there, and its status in
//   `refusal-status.ts`;
// - an operation that changes something needs a test that names its `op` (`test/region/api/tested-operations.test.ts`);
// - each parameter needs a trial in `test/region/api/sent/`, which sends it and reads it back (`test/region/api/sent-parameters.test.ts`);
// - `test/region/api/rights-api.test.ts` calls it as each kind of caller, and `test/region/statements.test.ts` counts the statements of a GET;
// - new data needs a method of `records/store.ts` or of a port like it. `store/operations/` implements these, and has no operations of the API.

import { z } from 'zod';
import { cleanText } from '../../clean-text.ts';
import { ACCOUNT_OPERATIONS } from './account-operations.ts';
import { ALLOCATE_OPERATIONS } from './allocate-operation.ts';
import { type Answer, json, NO_MACHINE, refuse, refuseField, refuseUnmanaged } from './answer.ts';
import { AREA_OPERATIONS } from './area-operations.ts';
import { BLOCK_DEVICE_OPERATIONS } from './block-device-operations.ts';
import { BOOT_RESOURCE_OPERATIONS } from './boot-resource-operations.ts';
import { BOOT_SOURCE_OPERATIONS } from './boot-source-operations.ts';
import { BOOT_UPLOAD_OPERATIONS } from './boot-upload-operations.ts';
import { DETAILS_OPERATIONS } from './details-operation.ts';
import { DEVICE_OPERATIONS } from './device-operations.ts';
import { DISCOVERY_OPERATIONS } from './discovery-operations.ts';
import { DNSRESOURCE_OPERATIONS } from './dnsresource-operations.ts';
import { DOMAIN_OPERATIONS } from './domain-operations.ts';
import { ENLISTMENT_OPERATIONS } from './enlistment-operations.ts';
import { EVENT_OPERATIONS } from './event-operations.ts';
import { FABRIC_OPERATIONS } from './fabric-operations.ts';
import { FILE_OPERATIONS } from './file-operations.ts';
import { type Fields, findNul } from './form-body.ts';
import { IDENTITY_OPERATIONS } from './identity-operations.ts';
import { INTERFACE_OPERATIONS } from './interface-operations.ts';
import { IPADDRESS_OPERATIONS } from './ipaddress-operations.ts';
import { IPRANGE_OPERATIONS } from './iprange-operations.ts';
import { LAYOUT_OPERATIONS } from './layout-operations.ts';
import { LIFE_OPERATIONS } from './life-operations.ts';
import { LOGIN_OPERATIONS } from './login-operations.ts';
import { MACHINE_OPERATIONS } from './machine-operations.ts';
import { NETWORK_OPERATIONS } from './network-operations.ts';
import { NODE_INTERFACE_CHANGE_OPERATIONS } from './node-interface-change-operations.ts';
import { NODE_INTERFACE_OPERATIONS } from './node-interface-operations.ts';
import type { ApiCall } from './operation.ts';
import { type ApiVersion, defineOperation, type Method, type Operation } from './operation.ts';
import { OWNERSHIP_OPERATIONS } from './ownership-operations.ts';
import { POWER_OPERATIONS } from './power-operations.ts';
import { refuseUnmatched, tagged } from './preconditions.ts';
import { RACK_OPERATIONS } from './rack-operations.ts';
import { RESULT_OPERATIONS } from './result-operations.ts';
import { ROUTE_OPERATIONS } from './route-operations.ts';
import { SCRIPT_OPERATIONS } from './script-operations.ts';
import { SETTINGS_OPERATIONS } from './settings-operations.ts';
import { SPACE_OPERATIONS } from './space-operations.ts';
import { SSHKEY_OPERATIONS } from './sshkey-operations.ts';
import { STORAGE_OPERATIONS } from './storage-operations.ts';
import { SUBNET_OPERATIONS } from './subnet-operations.ts';
import { SUBNET_USE_OPERATIONS } from './subnet-use-operations.ts';
import { TAG_OPERATIONS } from './tag-operations.ts';
import { USER_OPERATIONS } from './user-operations.ts';

/** The MAAS release whose API 2.0 is implemented; clients compare it with the release they need. */
const SPOKEN_RELEASE = '2.9.0';
/**
 * The optional capabilities of MAAS that this API supports. Clients use every capability listed, so one that would fail must not be:
 * `ipv6-deployment-ubuntu` (there is no IPv6 here), `storage-deployment-ubuntu` (`layout/deployable.ts` refuses layouts), `bridging-automatic-ubuntu`.
 */
const CAPABILITIES = [
  'networks-management',
  'static-ipaddresses',
  'devices-management',
  'network-deployment-ubuntu',
  'bridging-interface-ubuntu',
] as const;

const VERSION_OPERATION = defineOperation({
  versions: ['1.0', '2.0'],
  path: 'version',
  method: 'GET',
  handler: 'VersionHandler',
  access: 'anyone',
  doc: 'Read the version and the capabilities of the API.',
  parameters: z.object({}),
  run: () => json({ version: SPOKEN_RELEASE, subversion: 'rackboot', capabilities: CAPABILITIES }),
});

/** Every operation of every version. */
export const OPERATIONS: readonly Operation[] = [
  VERSION_OPERATION,
  ...MACHINE_OPERATIONS,
  ...LIFE_OPERATIONS,
  ...ALLOCATE_OPERATIONS,
  ...OWNERSHIP_OPERATIONS,
  ...LOGIN_OPERATIONS,
  ...POWER_OPERATIONS,
  ...ENLISTMENT_OPERATIONS,
  ...IDENTITY_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...RACK_OPERATIONS,
  ...INTERFACE_OPERATIONS,
  ...FABRIC_OPERATIONS,
  ...SPACE_OPERATIONS,
  ...SUBNET_OPERATIONS,
  ...SUBNET_USE_OPERATIONS,
  ...IPRANGE_OPERATIONS,
  ...IPADDRESS_OPERATIONS,
  ...ROUTE_OPERATIONS,
  ...NETWORK_OPERATIONS,
  ...NODE_INTERFACE_OPERATIONS,
  ...NODE_INTERFACE_CHANGE_OPERATIONS,
  ...LAYOUT_OPERATIONS,
  ...STORAGE_OPERATIONS,
  ...BLOCK_DEVICE_OPERATIONS,
  ...SETTINGS_OPERATIONS,
  ...DEVICE_OPERATIONS,
  ...DISCOVERY_OPERATIONS,
  ...DOMAIN_OPERATIONS,
  ...DNSRESOURCE_OPERATIONS,
  ...BOOT_SOURCE_OPERATIONS,
  ...BOOT_RESOURCE_OPERATIONS,
  ...BOOT_UPLOAD_OPERATIONS,
  ...TAG_OPERATIONS,
  ...AREA_OPERATIONS,
  ...DETAILS_OPERATIONS,
  ...FILE_OPERATIONS,
  ...SCRIPT_OPERATIONS,
  ...RESULT_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...USER_OPERATIONS,
  ...SSHKEY_OPERATIONS,
];

export const API_VERSIONS: readonly ApiVersion[] = ['1.0', '2.0'];

/** The paths of a version, each with its operations. */
export function operationsByPath(version: ApiVersion): ReadonlyMap<string, readonly Operation[]> {
  const paths = new Map<string, Operation[]>();
  for (const operation of OPERATIONS) {
    if (!operation.versions.includes(version)) continue;
    const list = paths.get(operation.path);
    if (list === undefined) paths.set(operation.path, [operation]);
    else list.push(operation);
  }
  return paths;
}

/** Refuses texts with a NUL, finds the operation among those of one path, checks the caller's access, and runs it. */
export async function runOperation(
  operations: readonly Operation[],
  method: Method | 'HEAD' | 'PATCH',
  call: ApiCall,
  fields: Fields,
): Promise<Answer> {
  const faulty = findNul(fields);
  if (faulty !== undefined) return refuseField(cleanText(faulty), 'field.nul');
  const wanted = method === 'HEAD' ? 'GET' : method;
  const ofMethod = operations.filter((operation) => operation.method === wanted);
  if (ofMethod.length === 0) {
    const methods = [...new Set(operations.map((operation) => operation.method))];
    return refuse('method-not-allowed.known', { methods }, { Allow: methods.join(', ') });
  }
  // Seen: gomaasapi sends an empty one for an operation without.
  const op = fields.get('op')?.at(-1) || undefined;
  const operation = ofMethod.find((candidate) => candidate.op === op);
  if (operation === undefined) {
    const known = ofMethod.map((candidate) => candidate.op ?? '(none)');
    return refuse('unknown-operation.known', { method: wanted, op: op ?? 'None', known });
  }
  const refused = checkAccess(operation, call);
  if (refused !== undefined) return refused;
  if (operation.method === 'GET') {
    const answer = await operation.run(call, fields);
    return operation.op === undefined ? tagged(answer, call) : answer;
  }
  if (operation.ownTransaction && call.conditions?.ifMatch === undefined) return await operation.run(call, fields);
  return await call.region.transact(
    async () => (await refuseUnmatched(operations, operation, call)) ?? (await operation.run(call, fields)),
  );
}

/** The refusal if this caller may not call this operation. */
function checkAccess(operation: Operation, call: ApiCall): Answer | undefined {
  const { caller, peer } = call;
  if (operation.access === 'anyone') return undefined;
  if (caller.kind === 'anonymous') {
    if (operation.access !== 'managed') {
      return refuse('not-authenticated.key', undefined, {
        'WWW-Authenticate': 'OAuth realm="MAAS API"',
      });
    }
    if (peer.isManaged) return undefined;
    return refuseUnmanaged(peer.address);
  }
  if (caller.kind === 'user') {
    return operation.access !== 'admin' || caller.isAdmin ? undefined : refuse('not-allowed.administrator');
  }
  if (caller.kind === 'rack') return refuse('not-allowed.rack');
  if (operation.access !== 'machine') return refuse('not-allowed.machine');
  // A machine's key gives access to its own data only; operations for the managed networks need no key.
  return caller.kind === 'machine' && call.path.system_id === caller.systemId ? undefined : NO_MACHINE;
}
