// The names of the handlers in the description: MAAS's clients find an operation by the name of its handler, letter by letter.
//
// Source: the description of MAAS 2.2, from whose names its command line makes its commands, and of 1.7 for what only API 1.0 has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNamed, nounsOf } from '../../../src/cli/clients/description.ts';
import { descriptionShape } from '../../../src/cli/clients/description-shape.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { apiDescription } from '../../../src/region/http/description.ts';

/** MAAS's names, by the path that they belong to. */
const OF_MAAS: Readonly<Record<string, string>> = {
  account: 'AccountHandler',
  'account/prefs/sshkeys': 'SSHKeysHandler',
  'account/prefs/sshkeys/{id}': 'SSHKeyHandler',
  'boot-resources': 'BootResourcesHandler',
  'boot-resources/{id}': 'BootResourceHandler',
  'boot-resources/{id}/upload/{file}': 'BootResourceFileUploadHandler',
  'boot-sources': 'BootSourcesHandler',
  'boot-sources/{boot_source_id}/selections': 'BootSourceSelectionsHandler',
  'boot-sources/{boot_source_id}/selections/{id}': 'BootSourceSelectionHandler',
  'boot-sources/{id}': 'BootSourceHandler',
  'commissioning-scripts': 'CommissioningScriptsHandler',
  'commissioning-scripts/{name}': 'CommissioningScriptHandler',
  devices: 'DevicesHandler',
  'devices/{system_id}': 'DeviceHandler',
  discovery: 'DiscoveriesHandler',
  'discovery/{discovery_id}': 'DiscoveryHandler',
  dnsresourcerecords: 'DNSResourceRecordsHandler',
  'dnsresourcerecords/{id}': 'DNSResourceRecordHandler',
  dnsresources: 'DNSResourcesHandler',
  'dnsresources/{id}': 'DNSResourceHandler',
  domains: 'DomainsHandler',
  'domains/{id}': 'DomainHandler',
  events: 'EventsHandler',
  fabrics: 'FabricsHandler',
  'fabrics/{fabric_id}/vlans': 'VlansHandler',
  'fabrics/{fabric_id}/vlans/{vid}': 'VlanHandler',
  'fabrics/{id}': 'FabricHandler',
  files: 'FilesHandler',
  'files/{filename}': 'FileHandler',
  'installation-results': 'NodeResultsHandler',
  ipaddresses: 'IPAddressesHandler',
  ipranges: 'IPRangesHandler',
  'ipranges/{id}': 'IPRangeHandler',
  maas: 'MaasHandler',
  machines: 'MachinesHandler',
  'machines/{system_id}': 'MachineHandler',
  networks: 'NetworksHandler',
  'networks/{name}': 'NetworkHandler',
  nodegroups: 'NodeGroupsHandler',
  'nodegroups/{uuid}': 'NodeGroupHandler',
  'nodegroups/{uuid}/boot-images': 'BootImagesHandler',
  'nodegroups/{uuid}/boot-images/{id}': 'BootImageHandler',
  'nodegroups/{uuid}/interfaces': 'NodeGroupInterfacesHandler',
  'nodegroups/{uuid}/interfaces/{name}': 'NodeGroupInterfaceHandler',
  nodes: 'NodesHandler',
  'nodes/{system_id}': 'NodeHandler',
  'nodes/{system_id}/blockdevices': 'BlockDevicesHandler',
  'nodes/{system_id}/blockdevices/{device_id}/partition/{id}': 'PartitionHandler',
  'nodes/{system_id}/blockdevices/{device_id}/partitions': 'PartitionsHandler',
  'nodes/{system_id}/blockdevices/{id}': 'BlockDeviceHandler',
  'nodes/{system_id}/interfaces': 'InterfacesHandler',
  'nodes/{system_id}/interfaces/{id}': 'InterfaceHandler',
  'nodes/{system_id}/macs': 'NodeMacsHandler',
  'nodes/{system_id}/macs/{mac_address}': 'NodeMacHandler',
  'nodes/{system_id}/raid/{id}': 'RaidHandler',
  'nodes/{system_id}/raids': 'RaidsHandler',
  'nodes/{system_id}/results': 'NodeScriptResultsHandler',
  'nodes/{system_id}/results/{id}': 'NodeScriptResultHandler',
  'nodes/{system_id}/volume-group/{id}': 'VolumeGroupHandler',
  'nodes/{system_id}/volume-groups': 'VolumeGroupsHandler',
  rackcontrollers: 'RackControllersHandler',
  'rackcontrollers/{system_id}': 'RackControllerHandler',
  regioncontrollers: 'RegionControllersHandler',
  'regioncontrollers/{system_id}': 'RegionControllerHandler',
  'resourcepool/{id}': 'ResourcePoolHandler',
  resourcepools: 'ResourcePoolsHandler',
  scripts: 'NodeScriptsHandler',
  'scripts/{name}': 'NodeScriptHandler',
  spaces: 'SpacesHandler',
  'spaces/{id}': 'SpaceHandler',
  'static-routes': 'StaticRoutesHandler',
  'static-routes/{id}': 'StaticRouteHandler',
  subnets: 'SubnetsHandler',
  'subnets/{id}': 'SubnetHandler',
  tags: 'TagsHandler',
  'tags/{name}': 'TagHandler',
  users: 'UsersHandler',
  'users/{username}': 'UserHandler',
  'account/prefs/sslkeys': 'SSLKeysHandler',
  'account/prefs/sslkeys/{id}': 'SSLKeyHandler',
  'commissioning-results': 'CommissioningResultsHandler',
  'dhcp-snippets': 'DHCPSnippetsHandler',
  'dhcp-snippets/{id}': 'DHCPSnippetHandler',
  fannetworks: 'FanNetworksHandler',
  'fannetworks/{id}': 'FanNetworkHandler',
  'license-key/{osystem}/{distro_series}': 'LicenseKeyHandler',
  'license-keys': 'LicenseKeysHandler',
  'nodes/{system_id}/bcache-cache-set/{id}': 'BcacheCacheSetHandler',
  'nodes/{system_id}/bcache-cache-sets': 'BcacheCacheSetsHandler',
  'nodes/{system_id}/bcache/{id}': 'BcacheHandler',
  'nodes/{system_id}/bcaches': 'BcachesHandler',
  'nodes/{system_id}/vmfs-datastore/{id}': 'VmfsDatastoreHandler',
  'nodes/{system_id}/vmfs-datastores': 'VmfsDatastoresHandler',
  notifications: 'NotificationsHandler',
  'notifications/{id}': 'NotificationHandler',
  'package-repositories': 'PackageRepositoriesHandler',
  'package-repositories/{id}': 'PackageRepositoryHandler',
  pods: 'PodsHandler',
  'pods/{id}': 'PodHandler',
  reservedips: 'ReservedIpsHandler',
  'reservedips/{id}': 'ReservedIpHandler',
  'vm-clusters': 'VmClustersHandler',
  'vm-clusters/{id}': 'VmClusterHandler',
  'vm-hosts': 'VmHostsHandler',
  'vm-hosts/{id}': 'VmHostHandler',
  version: 'VersionHandler',
  zones: 'ZonesHandler',
  'zones/{name}': 'ZoneHandler',
};

/** Paths that MAAS's description does not have: further ways to what it has, and Rackboot's own. */
const OWN: ReadonlySet<string> = new Set([
  'boot-images',
  'machines/{system_id}/interfaces',
  'machines/{system_id}/interfaces/{id}',
  'nodegroups/{uuid}/boot-sources',
  'nodegroups/{uuid}/boot-sources/{boot_source_id}/selections',
  'nodegroups/{uuid}/boot-sources/{boot_source_id}/selections/{id}',
  'nodegroups/{uuid}/boot-sources/{id}',
  'pools',
  'pools/{id}',
  'settings',
  'vlans/{id}',
]);

test('each path has the handler that MAAS names', () => {
  const named = OPERATIONS.filter(({ path }) => !OWN.has(path)).map(({ path, handler }) => [path, handler] as const);
  assert.deepEqual(Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1))), OF_MAAS);
});

test("a path of Rackboot's own takes no name of MAAS", () => {
  const taken = new Set(Object.values(OF_MAAS));
  assert.deepEqual(
    OPERATIONS.filter(({ path, handler }) => OWN.has(path) && taken.has(handler)).map(({ path }) => path),
    [],
  );
  assert.deepEqual(
    [...OWN].filter((path) => !OPERATIONS.some((one) => one.path === path)),
    [],
  );
});

test('a handler has one path in each version', () => {
  for (const version of ['1.0', '2.0'] as const) {
    const paths = new Map<string, Set<string>>();
    for (const { versions, handler, path } of OPERATIONS)
      if (versions.includes(version)) paths.set(handler, (paths.get(handler) ?? new Set()).add(path));
    for (const [handler, its] of paths) assert.equal(its.size, 1, `${handler} ${version}: ${[...its].join(' ')}`);
  }
});

test("the commands of MAAS's manual have their words", () => {
  const nouns = nounsOf(descriptionShape.parse(apiDescription('2.0', 'http://rack:5240')));
  for (const [noun, action] of [
    ['dnsresources', 'create'],
    ['dnsresource', 'update'],
    ['dnsresource-records', 'create'],
    ['dnsresource-record', 'delete'],
    ['node-results', 'read'],
    ['node-script-results', 'read'],
    ['node-script-result', 'download'],
  ] as const) {
    const found = nouns.find(({ name }) => name === noun);
    assert.ok(found !== undefined && findNamed(found.actions, action) !== undefined, `${noun} ${action}`);
  }
});
