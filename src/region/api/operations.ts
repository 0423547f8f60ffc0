// The table of the API's operations, and how a request finds its operation. Routes, checks and the
// description from which clients build their commands are made from it.
//
// 1. Version, path, method and op together name at most one operation.
// 2. An empty parameter that is refused counts as absent, as in Django's forms: a number, a choice,
//    an address, the name of another object. Where the empty text is a value, as it is of a
//    description, or removes something, it stays.
//
// A new operation is a call of `operation`, or the five on objects of one kind a call of
// `resource`, in the file of its group; a new group has a place in OPERATIONS. A short model is
// `people/login-operations.ts`; `machines/machine-calls.ts` has what operations on machines share.
// The description and a command of `rackboot` (`cli/operations/`) follow from the table. Then:
//
// - `access` of `user` admits every user, so an operation on somebody's property checks the owner
//   itself (`mayCommand` of `life/commands.ts`);
// - a new name of a refusal needs its status and its meaning in `records/refusal.ts`;
// - a new kind of object that it answers needs its properties in `answers/`
//   (`test/region/api/answer-check.ts`);
// - each parameter needs a trial in `test/region/api/sent/`, which sends it and reads it back
//   (`test/region/api/sent-parameters.test.ts`);
// - `test/region/api/rights/` calls it as each kind of caller, and `test/region/statements.test.ts`
//   counts the statements of a GET;
// - new data needs a method of `records/store.ts` or of a port like it. `store/operations/`
//   implements these, and has no operations of the API.

import { cleanText } from '../../ground/clean-text.ts';
import { AREA_OPERATIONS } from './areas/area-operations.ts';
import {
  type Answer,
  isRefusal,
  json,
  NO_KEY,
  NO_MACHINE,
  ONLY_ADMINISTRATORS,
  refuse,
  refuseField,
  refuseUnmanaged,
} from './call/answer.ts';
import { type Fields, findUnstorable, opIn } from './call/form-body.ts';
import { type ApiCall, type ApiVersion, type Method, nothing, type Operation, operation } from './call/operation.ts';
import { BOOT_RESOURCE_OPERATIONS } from './images/boot-resource-operations.ts';
import { BOOT_SOURCE_OPERATIONS } from './images/boot-source-operations.ts';
import { BOOT_UPLOAD_OPERATIONS } from './images/boot-upload-operations.ts';
import { PROFILE_OPERATIONS } from './images/profile-operations.ts';
import { BLOCK_DEVICE_OPERATIONS } from './layout/block-device-operations.ts';
import { LAYOUT_OPERATIONS } from './layout/layout-operations.ts';
import { NODE_INTERFACE_CHANGE_OPERATIONS } from './layout/node-interface-change-operations.ts';
import { NODE_INTERFACE_OPERATIONS } from './layout/node-interface-operations.ts';
import { STORAGE_OPERATIONS } from './layout/storage-operations.ts';
import { VOLUME_OPERATIONS } from './layout/volume-operations.ts';
import { ALLOCATE_OPERATIONS } from './machines/allocate-operation.ts';
import { DETAILS_OPERATIONS } from './machines/details-operation.ts';
import { DEVICE_OPERATIONS } from './machines/device-operations.ts';
import { ENLISTMENT_OPERATIONS } from './machines/enlistment-operations.ts';
import { IDENTITY_OPERATIONS } from './machines/identity-operations.ts';
import { LIFE_OPERATIONS } from './machines/life-operations.ts';
import { MACHINE_OPERATIONS } from './machines/machine-operations.ts';
import { OWNERSHIP_OPERATIONS } from './machines/ownership-operations.ts';
import { POWER_OPERATIONS } from './machines/power-operations.ts';
import { TAG_OPERATIONS } from './machines/tag-operations.ts';
import { DNSRESOURCE_OPERATIONS } from './names/dnsresource-operations.ts';
import { DOMAIN_OPERATIONS } from './names/domain-operations.ts';
import { DISCOVERY_OPERATIONS } from './networks/discovery-operations.ts';
import { FABRIC_OPERATIONS } from './networks/fabric-operations.ts';
import { IPADDRESS_OPERATIONS } from './networks/ipaddress-operations.ts';
import { IPRANGE_OPERATIONS } from './networks/iprange-operations.ts';
import { NETWORK_OPERATIONS } from './networks/network-operations.ts';
import { RESERVEDIP_OPERATIONS } from './networks/reservedip-operations.ts';
import { ROUTE_OPERATIONS } from './networks/route-operations.ts';
import { SPACE_OPERATIONS } from './networks/space-operations.ts';
import { SUBNET_LEASE_OPERATIONS } from './networks/subnet-lease-operations.ts';
import { SUBNET_OPERATIONS } from './networks/subnet-operations.ts';
import { SUBNET_USE_OPERATIONS } from './networks/subnet-use-operations.ts';
import { ACCOUNT_OPERATIONS } from './people/account-operations.ts';
import { FILE_OPERATIONS } from './people/file-operations.ts';
import { LOGIN_OPERATIONS } from './people/login-operations.ts';
import { SSHKEY_OPERATIONS } from './people/sshkey-operations.ts';
import { USER_OPERATIONS } from './people/user-operations.ts';
import { CONTROLLER_OPERATIONS } from './racks/controller-operations.ts';
import { INTERFACE_OPERATIONS } from './racks/interface-operations.ts';
import { RACK_OPERATIONS } from './racks/rack-operations.ts';
import { RESULT_OPERATIONS } from './scripts/result-operations.ts';
import { SCRIPT_OPERATIONS } from './scripts/script-operations.ts';
import { ABSENT_OPERATIONS } from './site/absent-operations.ts';
import { EVENT_OPERATIONS } from './site/event-operations.ts';
import { SETTINGS_OPERATIONS } from './site/settings-operations.ts';

/** The MAAS release whose API 2.0 is implemented; clients compare it with the release they need. */
const SPOKEN_RELEASE = '2.9.0';
/**
 * The optional capabilities of MAAS that this API supports. Clients use every one listed, so one
 * that would fail must not be: `ipv6-deployment-ubuntu` (there is no IPv6 here).
 */
const CAPABILITIES = [
  'networks-management',
  'static-ipaddresses',
  'devices-management',
  'storage-deployment-ubuntu',
  'network-deployment-ubuntu',
  'bridging-interface-ubuntu',
  'bridging-automatic-ubuntu',
  'authenticate-api',
] as const;
/**
 * The capabilities of API 1.0: it has no objects for devices, and none for the interfaces and the
 * disks of machines.
 */
const OLD_CAPABILITIES: readonly string[] = ['networks-management', 'static-ipaddresses', 'authenticate-api'];

const VERSION_OPERATION = operation(
  { versions: ['1.0', '2.0'], path: 'version', handler: 'VersionHandler' },
  'GET',
  'anyone',
  'version',
  'Read the version and the capabilities of the API.',
  nothing,
  ({ version }) => {
    const capabilities = version === '1.0' ? OLD_CAPABILITIES : CAPABILITIES;
    return json({ version: SPOKEN_RELEASE, subversion: 'rackboot', capabilities });
  },
);

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
  ...CONTROLLER_OPERATIONS,
  ...INTERFACE_OPERATIONS,
  ...FABRIC_OPERATIONS,
  ...SPACE_OPERATIONS,
  ...SUBNET_OPERATIONS,
  ...SUBNET_USE_OPERATIONS,
  ...SUBNET_LEASE_OPERATIONS,
  ...IPRANGE_OPERATIONS,
  ...IPADDRESS_OPERATIONS,
  ...RESERVEDIP_OPERATIONS,
  ...ROUTE_OPERATIONS,
  ...NETWORK_OPERATIONS,
  ...NODE_INTERFACE_OPERATIONS,
  ...NODE_INTERFACE_CHANGE_OPERATIONS,
  ...LAYOUT_OPERATIONS,
  ...STORAGE_OPERATIONS,
  ...VOLUME_OPERATIONS,
  ...BLOCK_DEVICE_OPERATIONS,
  ...SETTINGS_OPERATIONS,
  ...DEVICE_OPERATIONS,
  ...DISCOVERY_OPERATIONS,
  ...DOMAIN_OPERATIONS,
  ...DNSRESOURCE_OPERATIONS,
  ...BOOT_SOURCE_OPERATIONS,
  ...BOOT_RESOURCE_OPERATIONS,
  ...BOOT_UPLOAD_OPERATIONS,
  ...PROFILE_OPERATIONS,
  ...TAG_OPERATIONS,
  ...AREA_OPERATIONS,
  ...DETAILS_OPERATIONS,
  ...FILE_OPERATIONS,
  ...SCRIPT_OPERATIONS,
  ...RESULT_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...USER_OPERATIONS,
  ...SSHKEY_OPERATIONS,
  ...ABSENT_OPERATIONS,
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

/**
 * Refuses texts that no database can hold, finds the operation among those of one path, checks the
 * caller's access, and runs it.
 */
export async function runOperation(
  operations: readonly Operation[],
  method: Method | 'HEAD' | 'PATCH' | 'OPTIONS',
  call: ApiCall,
  fields: Fields,
): Promise<Answer> {
  const faulty = findUnstorable(fields);
  if (faulty !== undefined)
    return refuseField(
      cleanText(faulty),
      'This text contains the character NUL or half of a surrogate pair, which is not allowed.',
    );
  const wanted = method === 'HEAD' ? 'GET' : method;
  const ofMethod = operations.filter((operation) => operation.method === wanted);
  if (ofMethod.length === 0) {
    const methods = [...new Set(operations.map((operation) => operation.method))];
    return refuse('method-not-allowed', `Use ${methods.join(', ')} here.`, { Allow: methods.join(', ') });
  }
  // Seen: gomaasapi sends an empty one for an operation without.
  const op = opIn(call.query, fields);
  const operation = ofMethod.find((candidate) => candidate.op === op);
  if (operation === undefined) {
    const names = ofMethod.map((candidate) => candidate.op ?? '(none)');
    return refuse(
      'unknown-operation',
      `Unrecognised signature: method=${wanted} op=${op ?? 'None'}. Known here: ${names.join(', ')}.`,
    );
  }
  const refused = checkAccess(operation, call);
  if (refused !== undefined) return refused;
  for (let wanted = fields; ; ) {
    const answer = await runFound(operation, call, wanted);
    if (!isRefusal(answer) || answer.fields === undefined) return answer;
    const refusedEmpty = new Set(Object.keys(answer.fields).filter((name) => isEmpty(wanted.get(name))));
    if (refusedEmpty.size === 0) return answer;
    wanted = new Map([...wanted].filter(([name]) => !refusedEmpty.has(name)));
  }
}

const isEmpty = (values: readonly string[] | undefined) => values?.every((text) => text.trim() === '') === true;

/** Runs the operation that was found, in a transaction unless it only reads or makes its own. */
async function runFound(operation: Operation, call: ApiCall, fields: Fields) {
  const run = async () => operation.run(call, fields);
  return operation.method === 'GET' || operation.ownTransaction ? await run() : await call.region.transact(run);
}

/** The refusal if this caller may not call this operation. */
function checkAccess(operation: Operation, call: ApiCall): Answer | undefined {
  const { caller, peer } = call;
  if (operation.access === 'anyone') return undefined;
  if (caller.kind === 'anonymous') {
    if (operation.access !== 'managed') {
      return refuse('not-authenticated', NO_KEY, {
        'WWW-Authenticate': 'OAuth realm="MAAS API"',
      });
    }
    if (peer.isManaged) return undefined;
    return refuseUnmanaged(peer.address);
  }
  if (caller.kind === 'user') {
    return operation.access !== 'admin' || caller.isAdmin ? undefined : refuse('not-allowed', ONLY_ADMINISTRATORS);
  }
  if (caller.kind === 'rack') return refuse('not-allowed', 'A rack may not do this.');
  if (operation.access !== 'machine') return refuse('not-allowed', 'A machine may not do this.');
  // A machine's key gives access to its own data only; operations for the managed networks need no key.
  return caller.kind === 'machine' && call.path.system_id === caller.systemId ? undefined : NO_MACHINE;
}
