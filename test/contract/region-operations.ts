// Every operation on the region's tables, on a region with machines that are all alike. A test runs them on each database.

import assert from 'node:assert/strict';
import { formatIpv4, formatMac, ipv4, mac } from '../../src/ground/address.ts';
import { outcome } from '../../src/power/outcome.ts';
import type { RackReport } from '../../src/region/records/machine-event.ts';
import { NO_MARKS } from '../../src/region/records/script-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { fileTable } from '../../src/store/operations/region-files.ts';
import { clearHeard, listHeard, listHeardLeases } from '../../src/store/operations/region-heard.ts';
import { historyEnd } from '../../src/store/operations/region-histories.ts';
import { listConflicts, sharedValues } from '../../src/store/operations/region-identity.ts';
import { sshKeyTable } from '../../src/store/operations/region-life.ts';
import * as reads from '../../src/store/operations/region-machine-reads.ts';
import { sessionTable } from '../../src/store/operations/region-sessions.ts';
import { desiredVersion, listGone, settledVersion } from '../../src/store/operations/region-versions.ts';
import type { RegionTables } from '../../src/store/region/stored-region.ts';
import type { Steps } from '../../src/store/steps.ts';
import { spoken } from '../support/sentences.ts';
import { addMachine, EVENT, FIELDS, setFields } from './machines.ts';
import { fullNetworks } from './network-store.ts';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `m${String(index).padStart(5, '0')}`);

/** A region with a number of machines, and the tables of one process. */
interface FilledRegion {
  readonly tables: RegionTables;
  readonly machines: number;
}

/** Adds machines: each has an interface, an address, a tag, a value in common with all others, and an event. */
export async function fillRegion(store: RegionStore, machines: number): Promise<void> {
  await store.life.addTag({ name: 'rack', comment: '', kernelParams: '' }, 9, EVENT);
  await store.transact(async () => {
    for (const [index, systemId] of ids(machines).entries()) {
      const nic = mac(0x525400000000 + index);
      const fields = {
        hostname: `host-${index}`,
        uuid: '00000000-0000-4000-8000-000000000001',
        owner: 'bob',
        bootToken: 't'.repeat(32),
        home: ipv4(9),
      };
      await addMachine(store, systemId, [nic], fields, { events: [EVENT] });
      await setFields(store, systemId, {}, { addresses: [{ mac: nic, address: ipv4(0x0a140000 + index) }] }, 1);
    }
  });
  await store.life.tagMachines('rack', ids(machines), [], EVENT);
  await store.accounts.addUser({ username: 'ann', email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
}

const LOGIN = { username: 'ann', openedMs: 1, expiresMs: 2, hostKey: '' };
const SCRIPT = {
  ...NO_MARKS,
  name: 's',
  kind: 'testing',
  title: '',
  description: '',
  timeoutSeconds: 1,
  position: 0,
  content: '',
} as const;
const BOOT_SOURCE = { url: 'http://x/', keyringFilename: '', keyring: Uint8Array.of(1), updatedMs: 1 };
const UPLOAD = {
  name: 'custom/site/amd64/generic/uploaded',
  title: '',
  fileType: 'tgz',
  bytes: 9,
  sha256: 'a'.repeat(64),
  username: 'ann',
  createdMs: 1,
};
const BOOT_SELECTION = { os: 'ubuntu', release: 'noble', arches: ['*'], subarches: ['*'], labels: ['*'] };
const KEY = { tokenKey: 'k', consumerKey: 'c', secretDigest: 's', name: '', username: 'ann', createdMs: 1, usedMs: 1 };
/** Of each machine: that it took an address, that its lease ended, and a request from an address. */
const reportsOf = (machines: number): readonly RackReport[] =>
  ids(machines).flatMap((_, index) => {
    const shown = { mac: formatMac(mac(0x525400000000 + index)), address: formatIpv4(ipv4(0x0a140100 + index)) };
    const base = { at: 5, text: 'x' };
    return [
      { ...base, ...shown, sequence: 3 * index + 1, kind: 'dhcp.ack' },
      { ...base, ...shown, sequence: 3 * index + 2, kind: 'dhcp.released' },
      { ...base, address: shown.address, sequence: 3 * index + 3, kind: 'tftp.transfer-finished' },
    ];
  });
const MACHINE_KEY = { systemId: 'm00000', consumerKey: 'c', tokenKey: 't', tokenSecret: 's', createdMs: 1 };
const SESSION = { digest: 'd', passwordDigest: 'p', begunMs: 1, usedMs: 1, notice: '' };
const FIRST = 'm00000';
const NEW_ID = 'n00000';
const STRANGER = mac(0x525400ffff01);

const clusterInterfaceAt = (index: number) => ({
  interface: `eth${index}`,
  ip: `10.90.${index}.1`,
  network: `10.90.${index}.0/24`,
  router_ip: `10.90.${index}.254`,
  ip_range_low: `10.90.${index}.100`,
  ip_range_high: `10.90.${index}.199`,
});

type Operations = Readonly<Record<string, (place: FilledRegion) => Steps<unknown>>>;
type Arguments<Method> = Method extends (...given: infer Given) => unknown ? Given : never;

/** A method of a table, by the names of both. */
function call<Table extends keyof RegionTables, Method extends keyof RegionTables[Table] & string>(
  table: Table,
  method: Method,
  ...given: Arguments<RegionTables[Table][Method]>
): Operations {
  return {
    [`${table}.${method}`]: ({ tables }) => Reflect.apply(Object(tables[table])[method], tables[table], given),
  };
}

/** Every operation, by table; all machines are given where a list is. They run in this order. */
export const OPERATIONS: Operations = {
  findMachine: () => reads.findMachine(FIRST),
  outlineMachines: ({ machines }) => reads.outlineMachines(ids(machines)),
  listMachines: () => reads.listMachines({}, 0, 1e6),
  'listMachines by tag and owner': () => reads.listMachines({ tags: ['rack'], owners: ['bob'] }, 0, 1e6),
  listMachinesForRacks: () => reads.listMachinesForRacks(0, 0, 1e6),
  'listMachinesForRacks since a version': () => reads.listMachinesForRacks(1, 0, 1e6),
  countMachines: () => reads.countMachines({}),
  listOverdue: () => reads.listOverdue(1e15, 1e6),
  listPowerTasks: () => reads.listPowerTasks(0, 1e6),
  countStatuses: () => reads.countStatuses(),
  desiredVersion: () => desiredVersion(),
  settledVersion: () => settledVersion(),
  listGone: () => listGone(1),
  listConflicts: () => listConflicts(100, undefined),
  sharedValues: () =>
    sharedValues(['uuid 00000000-0000-4000-8000-000000000001', 'uuid 00000000-0000-4000-8000-000000000002']),
  ...call(
    'machines',
    'enlist',
    { macs: [STRANGER], values: ['uuid 00000000-0000-4000-8000-000000000001', 'serial s'], atMs: 2 },
    ({ byValue, ...known }) => {
      if (known.untouched === undefined)
        return { kind: 'ask', untouched: true, hostnames: ['a', 'b'], systemIds: ['c'] };
      assert.deepEqual([byValue.length, known.shared.has('uuid 00000000-0000-4000-8000-000000000001')], [8, true]);
      return {
        kind: 'create',
        systemId: NEW_ID,
        fields: { ...FIELDS, hostname: 'new' },
        events: [EVENT],
        interfaces: [{ mac: STRANGER, name: '' }],
      };
    },
  ),
  ...call('machines', 'changeMachine', FIRST, 2, (_machine, { addresses, ownerDataBytes }) => {
    const ranges = [[ipv4(0x0a140000), ipv4(0x0a14ffff)]] as const;
    if (ownerDataBytes === undefined) return { kind: 'ask', ranges, ownerData: true, hostnames: ['a'] };
    assert.ok((addresses[0]?.taken.size ?? 0) > 8);
    return {
      kind: 'change',
      fields: { uuid: '00000000-0000-4000-8000-000000000002', powerTask: 'on' },
      events: [EVENT],
      userData: new Uint8Array(1),
      endsKey: true,
    };
  }),
  'machines.changeMachines': ({ tables, machines }) =>
    tables.machines.changeMachines(ids(machines).slice(0, 8), 2, () => ({
      kind: 'change',
      fields: { powerTask: 'off', osystem: 'debian' },
      events: [EVENT, EVENT],
      addresses: [],
      userData: null,
      endsKey: true,
    })),
  ...call('machines', 'splitMachine', 'm00001', 3, () => ({
    kind: 'split',
    systemId: 'n00001',
    fields: { ...FIELDS, hostname: 'half' },
    macs: [mac(0x525400000001)],
    left: {},
    shared: ['uuid 00000000-0000-4000-8000-000000000001'],
    events: [],
    newEvents: [],
  })),
  ...call('machines', 'mergeMachines', 'm00001', 'n00001', 4, () => ({ kind: 'merge', fields: {}, events: [EVENT] })),
  ...call('machines', 'shiftDeadlines', 1, 5),
  ...call('machines', 'keepApart', FIRST, NEW_ID, EVENT),
  ...call('machines', 'removeMachine', NEW_ID, EVENT),
  ...call('events', 'add', EVENT, 1),
  'events.addAll': ({ tables, machines }) =>
    tables.events.addAll(ids(machines).map((_, index) => ({ event: EVENT, machineId: index + 1 }))),
  'events.recordEvents': ({ tables, machines }) =>
    tables.events.recordEvents(ids(machines).map((systemId) => ({ event: EVENT, systemId }))),
  ...call('events', 'recordEvent', EVENT, FIRST),
  ...call('events', 'adopt', 1, [STRANGER]),
  ...call('events', 'move', 1, 2),
  'events.recordReports': ({ tables, machines }) => tables.events.recordReports('rack', reportsOf(machines)),
  ...call('events', 'acceptSequence', 'rack', 1e6, 1),
  ...call('events', 'nearestEvent', 'after', 1),
  ...call('events', 'highestSequence', 'rack'),
  ...call('events', 'eventRange'),
  historyEnd: () => historyEnd(1),
  ...call('events', 'listEvents', { machines: { tags: ['rack'] }, limit: 1e6 }),
  'events.recentEvents': ({ tables, machines }) => tables.events.recentEvents(ids(machines), 2),
  'events.newestEvents': ({ tables, machines }) => tables.events.newestEvents(ids(machines), true),
  listHeard: () => listHeard(0, 100),
  listLeases: () => listHeardLeases(0, 100),
  clearHeard: () => clearHeard(),
  'clearHeard of one': () => clearHeard(mac(1)),
  ...call('events', 'listStrangers', 0, 100),
  ...call('accounts', 'addUser', { username: 'bob', email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 }),
  ...call('accounts', 'findUser', 'bob'),
  ...call('accounts', 'listUsers'),
  ...call('accounts', 'changeUser', 'bob', { isAdmin: true }, EVENT),
  ...call('accounts', 'removeUser', 'bob', EVENT),
  ...call('accounts', 'addKey', KEY, 9),
  ...call('accounts', 'findKey', 'k'),
  ...call('accounts', 'listKeys', 'ann'),
  ...call('accounts', 'markKeyUsed', 'k', 2),
  ...call('accounts', 'renameKey', 'ann', 'k', 'x'),
  ...call('accounts', 'removeKey', 'ann', 'k'),
  ...call('settings', 'listSettings'),
  ...call('settings', 'changeSettings', 1, () => ({
    kind: 'change',
    events: [EVENT],
    changes: [{ rack: '', key: 'dns.upstream', value: ['192.0.2.1'] }],
  })),
  ...call('racks', 'list'),
  ...call('racks', 'look', -1),
  ...call('racks', 'images', ['x']),
  ...call('racks', 'describe', 'x', 'in the hall', EVENT),
  ...call('racks', 'putImages', 'x', []),
  'racks.findHomes': ({ tables, machines }) =>
    tables.racks.findHomes(
      ids(machines).map((_, index) =>
        index % 2 === 0 ? { mac: mac(0x525400000000 + index) } : { address: ipv4(index) },
      ),
    ),
  ...call('racks', 'change', () => ({ put: [], remove: ['x'], events: [EVENT], result: 1 })),
  ...call('life', 'addSshKey', { username: 'ann', key: 'ssh-ed25519 A', createdMs: 1 }, 9, EVENT),
  ...call('life', 'countSshKeys'),
  ...call('life', 'countTagged'),
  ...call('life', 'listSshKeys', 'ann'),
  ...call('life', 'removeSshKey', 'ann', 1, EVENT),
  ...call('life', 'addTag', { name: 'b', comment: '', kernelParams: '' }, 9, EVENT),
  'life.tagMachines': ({ tables, machines }) => tables.life.tagMachines('b', ids(machines), ids(machines), EVENT),
  ...call('life', 'listTags'),
  ...call('life', 'changeTag', 'b', { name: 'c', comment: '', kernelParams: '' }, EVENT),
  ...call('life', 'removeTag', 'c', EVENT),
  ...call('life', 'userData', FIRST),
  ...call('life', 'keepMachineKey', MACHINE_KEY),
  ...call('life', 'machineKey', FIRST),
  ...call('life', 'findMachineKey', 't'),
  ...call('logins', 'openDebug', FIRST, LOGIN, EVENT),
  ...call('logins', 'findDebug', FIRST),
  ...call('logins', 'noteDebug', FIRST, { hostKey: 'x' }),
  ...call('logins', 'closeDebug', FIRST, EVENT),
  ...call('boot', 'addFileSources', ['ubuntu'], 1),
  ...call('boot', 'addSource', BOOT_SOURCE, EVENT),
  ...call('boot', 'changeSource', 2, BOOT_SOURCE, EVENT),
  ...call('boot', 'listSources'),
  ...call('boot', 'addSelection', 2, BOOT_SELECTION, EVENT),
  ...call('boot', 'changeSelection', 2, 1, BOOT_SELECTION, EVENT),
  ...call('boot', 'listSelections', 2),
  'boot.listSelections of all': ({ tables }) => tables.boot.listSelections(),
  ...call('boot', 'removeSelection', 2, 1, EVENT),
  ...call('boot', 'removeSource', 2, EVENT),
  ...call('boot', 'addResources', ['a', 'b'], 1),
  ...call('boot', 'noteProgress', new Map([['a', { state: 'done', source: '', title: '', bytes: 1 }]]), 1),
  ...call('boot', 'listResources'),
  ...call('boot', 'wish', 1, 'delete', EVENT),
  ...call('boot', 'forget', ['a']),
  ...call('boot', 'changeRun', { askedMs: 1 }, EVENT),
  ...call('boot', 'noteDownload', { rack: 'r', file: 'f', bytes: 1, error: '', atMs: 1 }, EVENT),
  ...call('boot', 'listUses'),
  ...call('boot', 'findRun'),
  ...call('uploads', 'begin', UPLOAD, EVENT),
  ...call('uploads', 'advance', 1, { from: 0, to: 1, place: 'h', atMs: 1 }),
  ...call('uploads', 'list'),
  ...call('uploads', 'fail', 1, { code: 'stopped', params: {} }, EVENT),
  ...call('uploads', 'remove', 1, EVENT),
  ...call('areas', 'add', 'zone', { name: 'a', description: '' }, EVENT),
  ...call('areas', 'list', 'zone'),
  ...call('areas', 'change', 'zone', { id: 1, name: 'b', description: '' }, EVENT),
  'areas.moveToZone': ({ tables, machines }) =>
    tables.areas.moveToZone(1, { systemIds: ids(machines), rackUuids: ['x'] }, EVENT),
  'no machine by its agent name': () => reads.listMachines({ agentNames: ['juju'] }, 0, 1e6),
  'listMachines by zone': () => reads.listMachines({ zoneIds: [1], poolIds: [0] }, 0, 1e6),
  ...call('areas', 'remove', 'zone', 1, EVENT),
  'fileTable.put': () => fileTable.put('ann', { name: 'f', key: 'k', content: Uint8Array.of(0) }, 1),
  'fileTable.find': () => fileTable.find('ann', 'f'),
  'fileTable.findByKey': () => fileTable.findByKey('k'),
  'fileTable.list': () => fileTable.list('ann'),
  'fileTable.remove': () => fileTable.remove('ann', 'f'),
  ...call('networks', 'change', (_records, nextId) => ({
    ...fullNetworks(nextId),
    events: [EVENT],
    result: undefined,
  })),
  ...call('networks', 'list'),
  ...call('networks', 'rows'),
  ...call('networks', 'leasedBetween', ipv4(0x0a140000), ipv4(0x0a14ffff), 1),
  ...call('networks', 'heldBy', 'ann', 1),
  ...call('networks', 'firstUse', {
    vlanIds: [1],
    subnetIds: [2],
    ranges: [{ low: ipv4(0x0a140000), high: ipv4(0x0a14ffff) }],
  }),
  ...call('networks', 'usedBetween', ipv4(0x0a140000), ipv4(0x0a14ffff), 1e6),
  'settings.changeSettings of cluster interfaces': ({ tables, machines }) =>
    tables.settings.changeSettings(1, () => ({
      kind: 'change',
      events: [],
      changes: ids(machines).flatMap((name, index) => [
        { rack: 'x', key: `cluster_interfaces.${name}`, value: clusterInterfaceAt(index) },
        { rack: 'x', key: `cluster_interfaces.unfinished-${name}`, value: {} },
        { rack: 'x', key: `cluster_interfaces.unknown-${name}`, value: undefined },
      ]),
    })),
  'sessionTable.open': () => sessionTable.open('ann', SESSION, 1, 0),
  'sessionTable.open at the bound': () => sessionTable.open('ann', { ...SESSION, digest: 'e' }, 1, 0),
  'sessionTable.find': () => sessionTable.find('e'),
  'sessionTable.note': () => sessionTable.note('e', { notice: 'x' }),
  'sessionTable.close': () => sessionTable.close('e'),
  'sshKeyTable.find': () => sshKeyTable.find(),
  'sshKeyTable.keep': () => sshKeyTable.keep('key', 1),
  ...call('scripts', 'addScript', { ...SCRIPT, changedMs: 1 }, 9, EVENT),
  ...call('scripts', 'listScripts'),
  ...call('scripts', 'findScript', 's'),
  ...call('scripts', 'changeScript', 's', { ...SCRIPT, changedMs: 2 }, EVENT),
  ...call('scripts', 'tagScript', 's', 'x', true, 9, EVENT),
  ...call('scripts', 'beginRun', FIRST, 'testing', [SCRIPT], 1),
  ...call('scripts', 'listResults', FIRST),
  ...call('scripts', 'changeResult', FIRST, 1, () => ({ status: 'running' })),
  ...call('scripts', 'removeScript', 's', EVENT),
  ...call('power', 'begin', { id: 'p', machine: FIRST, command: { kind: 'off', manner: 'soft' }, begunAtMs: 1 }),
  ...call('power', 'listUnended'),
  ...call('power', 'end', 'p', outcome('done', spoken('yes')), 2),
};
