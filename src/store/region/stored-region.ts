// The region's store on any database: the methods of its ports run the operations of its tables
// (`steps.ts`), each in a transaction.

import type { PowerLedger } from '../../power/ledger.ts';
import type { SshKeyStore } from '../../power/ssh-identity.ts';
import type { AccountStore } from '../../region/records/account-store.ts';
import type { AreaStore } from '../../region/records/area-store.ts';
import type { BootStore } from '../../region/records/boot-store.ts';
import type { DutyStore } from '../../region/records/duty-store.ts';
import type { FileStore } from '../../region/records/file-store.ts';
import type { HostImageStore } from '../../region/records/host-image-store.ts';
import type { LifeStore } from '../../region/records/life-store.ts';
import type { LoginStore } from '../../region/records/login-store.ts';
import type { NetworkStore } from '../../region/records/network-store.ts';
import type { RackStore } from '../../region/records/rack-store.ts';
import type { RateStore } from '../../region/records/rate-store.ts';
import type { ScriptStore } from '../../region/records/script-store.ts';
import type { SessionStore } from '../../region/records/session-store.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { StoreAvailability, StoreConfirmation, StoreNeighbours } from '../../region/records/store-state.ts';
import type { UploadStore } from '../../region/records/upload-store.ts';
import type { EventBounds } from '../operations/event-cuts.ts';
import { AccountTables } from '../operations/region-accounts.ts';
import { AreaTable } from '../operations/region-areas.ts';
import { BootTables } from '../operations/region-boot.ts';
import { checkDuties, holdDuties, leaveDuties, timeMs } from '../operations/region-duties.ts';
import { EventTable } from '../operations/region-events.ts';
import { fileTable } from '../operations/region-files.ts';
import { clearHeard, listHeard, listHeardLeases } from '../operations/region-heard.ts';
import { historyEnd } from '../operations/region-histories.ts';
import { HostImageTable } from '../operations/region-host-images.ts';
import { listConflicts, sharedValues } from '../operations/region-identity.ts';
import { LifeTables, sshKeyTable } from '../operations/region-life.ts';
import { LoginTable } from '../operations/region-logins.ts';
import {
  countMachines,
  countStatuses,
  findMachine,
  listMachines,
  listMachinesForRacks,
  listOverdue,
  listPowerTasks,
  outlineMachines,
} from '../operations/region-machine-reads.ts';
import { listStamped } from '../operations/region-machine-stamps.ts';
import { MachineTable } from '../operations/region-machines.ts';
import { NetworkTables } from '../operations/region-networks.ts';
import { PowerTable } from '../operations/region-power.ts';
import { RackTable } from '../operations/region-racks.ts';
import { ScriptTables } from '../operations/region-scripts.ts';
import { sessionTable } from '../operations/region-sessions.ts';
import { SettingTable } from '../operations/region-settings.ts';
import { UploadTable } from '../operations/region-uploads.ts';
import { desiredVersion, listGone, settledVersion } from '../operations/region-versions.ts';
import type { Steps } from '../steps.ts';
import type { RegionDriver } from './region-driver.ts';
import { ReportingDriver } from './reporting-driver.ts';

interface SharedStore {
  /** The name of this process in the duties. */
  readonly holder: string;
  /** How it reaches the others; closed with the store. */
  readonly neighbours: StoreNeighbours & { close(): Promise<void> };
  /** Closed with the store. */
  readonly availability: StoreAvailability & { close(): void };
  readonly confirmation: StoreConfirmation;
  /** Closed with the store. */
  readonly rates: RateStore & { close(): Promise<void> };
  /** For the duties, which must not wait for operations of clients; closed with the store. */
  readonly dutyDriver: RegionDriver;
}

/**
 * The tables of one process. It needs exactly one set, because some keep state in memory.
 * @param holder begins power commands only while it has the duties
 */
export function createRegionTables(bounds: EventBounds, holder?: string) {
  const events = new EventTable(bounds);
  const networks = new NetworkTables(events);
  return {
    events,
    accounts: new AccountTables(events),
    settings: new SettingTable(events, networks),
    machines: new MachineTable(events),
    racks: new RackTable(events),
    life: new LifeTables(events),
    logins: new LoginTable(events),
    scripts: new ScriptTables(events),
    boot: new BootTables(events),
    uploads: new UploadTable(events),
    areas: new AreaTable(events),
    networks,
    power: new PowerTable(holder),
  };
}
export type RegionTables = ReturnType<typeof createRegionTables>;

type Operations<Port> = {
  readonly [Method in keyof Port]: Port[Method] extends (...values: infer Values) => Promise<infer Result>
    ? (...values: Values) => Steps<Result>
    : never;
};

/**
 * A port whose methods run the operations of a table, each in a transaction.
 * @param reads the methods that change nothing; all others write
 */
function bindOperations<Port>(
  driver: RegionDriver,
  table: Operations<Port> & object,
  reads: readonly (keyof NoInfer<Port>)[] | 'all',
): Port {
  const prototype = Object.getPrototypeOf(table);
  const readNames: ReadonlySet<unknown> = new Set(reads === 'all' ? [] : reads);
  const methods = Object.getOwnPropertyNames(prototype === Object.prototype ? table : prototype).map((name) => {
    const operation = Reflect.get(table, name);
    const access = reads === 'all' || readNames.has(name) ? 'read' : 'write';
    return [name, (...values: unknown[]) => driver[access](() => Reflect.apply(operation, table, values))];
  });
  return Object.fromEntries(methods);
}

/** @param shared if several processes share the store */
export function createStoredRegion(
  unreportedDriver: RegionDriver,
  bounds: EventBounds,
  shared?: SharedStore,
): RegionStore {
  const driver = new ReportingDriver(unreportedDriver);
  const holder = shared?.holder;
  const tables = createRegionTables(bounds, holder);
  type Own<T> = Pick<RegionStore, keyof RegionStore & keyof T>;
  const bindOwn = <T extends object>(table: T & Operations<Own<T>>, reads: readonly (keyof Own<T>)[] | 'all'): Own<T> =>
    bindOperations<Own<T>>(driver, table, reads);
  const readOperations = {
    findMachine,
    outlineMachines,
    listMachines,
    listMachinesForRacks,
    countMachines,
    countStatuses,
    listOverdue,
    listPowerTasks,
    listConflicts,
    sharedValues,
    listStamped,
    desiredVersion,
    settledVersion,
    listGone,
    historyEnd,
    listHeard,
    listLeases: listHeardLeases,
  };
  const dutyOperations = shared && {
    hold: (forMs: number) => holdDuties(shared.holder, forMs),
    leave: () => leaveDuties(shared.holder),
    timeMs,
  };
  return {
    accounts: bindOperations<AccountStore>(driver, tables.accounts, ['findUser', 'listUsers', 'findKey', 'listKeys']),
    racks: bindOperations<RackStore>(driver, tables.racks, ['look', 'images', 'findHomes']),
    life: bindOperations<LifeStore>(driver, tables.life, [
      'countSshKeys',
      'countTagged',
      'listSshKeys',
      'listTags',
      'userData',
      'machineKey',
      'findMachineKey',
    ]),
    logins: bindOperations<LoginStore>(driver, tables.logins, ['findDebug']),
    scripts: bindOperations<ScriptStore>(driver, tables.scripts, ['listScripts', 'findScript', 'listResults']),
    boot: bindOperations<BootStore>(driver, tables.boot, [
      'listSources',
      'listSelections',
      'listResources',
      'listUses',
      'findRun',
    ]),
    networks: bindOperations<NetworkStore>(driver, tables.networks, ['list', 'usedBetween', 'leasedBetween', 'heldBy']),
    uploads: bindOperations<UploadStore>(driver, tables.uploads, ['list']),
    areas: bindOperations<AreaStore>(driver, tables.areas, ['list']),
    files: bindOperations<FileStore>(driver, fileTable, ['find', 'findByKey', 'list']),
    sessions: bindOperations<SessionStore>(driver, sessionTable, ['find']),
    power: {
      ...bindOperations<Omit<PowerLedger, 'whileOnDuty'>>(driver, tables.power, ['listUnended']),
      whileOnDuty: async (report) => {
        if (holder === undefined) await report();
        else await driver.transact(async () => (await driver.write(() => checkDuties(holder))) && (await report()));
      },
    },
    sshKey: bindOperations<SshKeyStore>(driver, sshKeyTable, ['find']),
    duties: dutyOperations && bindOperations<DutyStore>(shared.dutyDriver, dutyOperations, ['timeMs']),
    hostImages: shared && bindOperations<HostImageStore>(driver, new HostImageTable(), ['condemned', 'list']),
    rates: shared?.rates,
    neighbours: shared?.neighbours,
    availability: shared?.availability,
    confirmation: shared?.confirmation,
    troubles: driver,
    ...bindOwn(tables.machines, []),
    ...bindOwn(tables.settings, ['listSettings']),
    ...bindOwn(tables.events, [
      'highestSequence',
      'listEvents',
      'eventRange',
      'nearestEvent',
      'listStrangers',
      'recentEvents',
      'newestEvents',
    ]),
    ...bindOwn(readOperations, 'all'),
    ...bindOwn({ clearHeard }, []),
    transact: (work) => driver.transact(work),
    afterCommit: (effect) => driver.afterCommit(effect),
    isInTransaction: () => driver.isInTransaction(),
    close: async () => {
      shared?.availability.close();
      await shared?.neighbours.close();
      await shared?.rates.close();
      await shared?.dutyDriver.close();
      await driver.close();
    },
  };
}
