// Resources of MAAS that Rackboot does not have: their lists are empty, so that tools which list
// everything go on; reading, adding, changing or removing one of them is refused by its name.
//
// Source: the paths and the handlers of MAAS's descriptions, from which its command makes commands.

import { json, NO_MACHINE, refuse } from '../call/answer.ts';
import { type ApiVersion, nothing, type Operation, operation, refusedOperation } from '../call/operation.ts';
import { findRackInPath } from '../layout/interface-calls.ts';
import { findNodeInPath } from '../machines/machine-calls.ts';

const ALL: readonly ApiVersion[] = ['1.0', '2.0'];
const NEW: readonly ApiVersion[] = ['2.0'];
const NODE = 'nodes/{system_id}';

interface Absent {
  readonly versions: readonly ApiVersion[];
  readonly list: readonly [path: string, handler: string];
  /** One of them; `undefined`: they are only listed. */
  readonly one?: readonly [path: string, handler: string];
}

/** Resources whose path and handler have the usual forms. */
const describeAbsent = (versions: readonly ApiVersion[], path: string, list: string, item: string): Absent => ({
  versions,
  list: [path, `${list}Handler`],
  one: [`${path}/{id}`, `${item}Handler`],
});
/** Parts of a machine, whose path is in the plural only for all of them. */
const ofNode = (name: string, handler: string): Absent => ({
  versions: NEW,
  list: [`${NODE}/${name}s`, `${handler}sHandler`],
  one: [`${NODE}/${name}/{id}`, `${handler}Handler`],
});

const ABSENT: readonly Absent[] = [
  describeAbsent(NEW, 'pods', 'Pods', 'Pod'),
  describeAbsent(NEW, 'vm-hosts', 'VmHosts', 'VmHost'),
  describeAbsent(NEW, 'vm-clusters', 'VmClusters', 'VmCluster'),
  describeAbsent(NEW, 'notifications', 'Notifications', 'Notification'),
  describeAbsent(NEW, 'package-repositories', 'PackageRepositories', 'PackageRepository'),
  describeAbsent(NEW, 'dhcp-snippets', 'DHCPSnippets', 'DHCPSnippet'),
  describeAbsent(NEW, 'fannetworks', 'FanNetworks', 'FanNetwork'),
  describeAbsent(ALL, 'account/prefs/sslkeys', 'SSLKeys', 'SSLKey'),
  {
    versions: ALL,
    list: ['license-keys', 'LicenseKeysHandler'],
    one: ['license-key/{osystem}/{distro_series}', 'LicenseKeyHandler'],
  },
  { versions: ALL, list: ['commissioning-results', 'CommissioningResultsHandler'] },
  { versions: NEW, list: ['installation-results', 'NodeResultsHandler'] },
  ofNode('bcache', 'Bcache'),
  ofNode('bcache-cache-set', 'BcacheCacheSet'),
  ofNode('vmfs-datastore', 'VmfsDatastore'),
];

function defineAbsentOperations({ versions, list: [path, handler], one }: Absent): readonly Operation[] {
  const resource = path.split('/').at(-1) ?? path;
  const doc = `Rackboot has no ${resource}.`;
  const refused = (at: string, of: string, method: Operation['method']) =>
    refusedOperation(
      { versions, path: at, handler: of, method, access: 'user' },
      undefined,
      doc,
      refuse('not-found', `${resource} is a resource of MAAS that Rackboot does not have.`),
    );
  const listing = (of: readonly ApiVersion[], called: 'GET' | 'GET list') =>
    operation(
      { versions: of, path, handler },
      called,
      'user',
      ['any'],
      `${doc} The list is empty.`,
      nothing,
      async (call) => {
        const isKnown =
          !path.startsWith(NODE) || (await findNodeInPath(call)) !== undefined || findRackInPath(call) !== undefined;
        return isKnown ? json([]) : NO_MACHINE;
      },
    );
  return [
    listing(versions, 'GET'),
    // API 1.0 lists by this op.
    ...(versions.includes('1.0') ? [listing(['1.0'], 'GET list')] : []),
    refused(path, handler, 'POST'),
    ...(one === undefined ? [] : (['GET', 'PUT', 'DELETE'] as const).map((method) => refused(...one, method))),
  ];
}

/** Every operation on what is absent. */
export const ABSENT_OPERATIONS: readonly Operation[] = ABSENT.flatMap(defineAbsentOperations);
