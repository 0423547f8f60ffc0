// The region's store on any database: the methods of its ports run the operations of its tables (`region-steps.ts`), each in a transaction.

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
import { clearHeard, listHeard } from '../operations/region-heard.ts';
import { historyEnd } from '../operations/region-histories.ts';
import { HostImageTable } from '../operations/region-host-images.ts';
import { listConflicts, sharedValues } from '../operations/region-identity.ts';
import { LifeTables } from '../operations/region-life.ts';
import { LoginTable } from '../operations/region-logins.ts';
import * as machineReads from '../operations/region-machine-reads.ts';
import { listStamped } from '../operations/region-machine-stamps.ts';
import { MachineTable } from '../operations/region-machines.ts';
import { NetworkTables } from '../operations/region-networks.ts';
import { PowerTable } from '../operations/region-power.ts';
import { RackTable } from '../operations/region-racks.ts';
import { ScriptTables } from '../operations/region-scripts.ts';
import { sessionTable } from '../operations/region-sessions.ts';
import { SettingTable } from '../operations/region-settings.ts';
import { sshKeyTable } from '../operations/region-ssh-key.ts';
import type { Steps } from '../operations/region-steps.ts';
import { UploadTable } from '../operations/region-uploads.ts';
import { desiredVersion, listGone, settledVersion } from '../operations/region-versions.ts';
import type { RegionDriver } from './region-driver.ts';
import { ReportingDriver } from './reporting-driver.ts';

/** The parts of a store that several processes share. */
interface SharedStore {
  /** Names this process. */
  readonly holder: string;
  /** How it reaches the others; closed with the store. */
  readonly neighbours: StoreNeighbours & { close(): Promise<void> };
  /** Closed with the store. */
  readonly availability: StoreAvailability & { close(): void };
  readonly confirmation: StoreConfirmation;
  /** Closed with the store. */
  readonly rates: RateStore & { close(): Promise<void> };
  /** Runs the operations on duties, which must not wait for those of clients; closed with the store. */
  readonly dutyDriver: RegionDriver;
}

/** The tables of one process. A process needs exactly one of these, because some tables keep state in memory. */
export class RegionTables {
  readonly events: EventTable;
  readonly accounts: AccountTables;
  readonly settings: SettingTable;
  readonly machines: MachineTable;
  readonly racks: RackTable;
  readonly life: LifeTables;
  readonly logins: LoginTable;
  readonly scripts: ScriptTables;
  readonly boot: BootTables;
  readonly uploads: UploadTable;
  readonly areas: AreaTable;
  readonly networks: NetworkTables;
  readonly power: PowerTable;

  /** @param holder begins power commands only while it has the duties */
  constructor(bounds: EventBounds, holder?: string) {
    this.events = new EventTable(bounds);
    this.accounts = new AccountTables(this.events);
    this.settings = new SettingTable(this.events);
    this.machines = new MachineTable(this.events);
    this.racks = new RackTable(this.events);
    this.life = new LifeTables(this.events);
    this.logins = new LoginTable(this.events);
    this.scripts = new ScriptTables(this.events);
    this.boot = new BootTables(this.events);
    this.uploads = new UploadTable(this.events);
    this.areas = new AreaTable(this.events);
    this.networks = new NetworkTables(this.events);
    this.power = new PowerTable(holder);
  }
}

type Access = 'read' | 'write';

/** The operations behind a port's methods. */
type Operations<Port> = {
  readonly [Method in keyof Port]: Port[Method] extends (...values: infer Values) => Promise<infer Result>
    ? (...values: Values) => Steps<Result>
    : never;
};

/** A port whose methods run these operations, each in a transaction of its own. @param access of each operation to the database */
function bind<Port>(
  driver: RegionDriver,
  table: Operations<Port> & object,
  access: { readonly [Method in keyof Port]: Access },
): Port {
  const methods = Object.entries<Access>(access).map(([name, kind]) => {
    const operation = Reflect.get(table, name);
    return [name, (...values: unknown[]) => driver[kind](() => Reflect.apply(operation, table, values))];
  });
  return Object.fromEntries(methods);
}

/** @param shared if several processes share the store */
export function storedRegion(inner: RegionDriver, bounds: EventBounds, shared?: SharedStore): RegionStore {
  const driver = new ReportingDriver(inner);
  const holder = shared?.holder;
  const tables = new RegionTables(bounds, holder);
  const own = <Method extends keyof RegionStore>(
    table: NoInfer<Operations<Pick<RegionStore, Method>>> & object,
    access: { readonly [M in Method]: Access },
  ): Pick<RegionStore, Method> => bind<Pick<RegionStore, Method>>(driver, table, access);
  const duties = shared && {
    hold: (forMs: number) => holdDuties(shared.holder, forMs),
    leave: () => leaveDuties(shared.holder),
    timeMs,
  };
  return {
    accounts: bind<AccountStore>(driver, tables.accounts, {
      addUser: 'write',
      changeUser: 'write',
      removeUser: 'write',
      findUser: 'read',
      listUsers: 'read',
      addKey: 'write',
      findKey: 'read',
      listKeys: 'read',
      markKeyUsed: 'write',
      renameKey: 'write',
      removeKey: 'write',
    }),
    racks: bind<RackStore>(driver, tables.racks, {
      look: 'read',
      images: 'read',
      putImages: 'write',
      describe: 'write',
      homesOf: 'read',
      change: 'write',
    }),
    life: bind<LifeStore>(driver, tables.life, {
      addSshKey: 'write',
      countSshKeys: 'read',
      countTagged: 'read',
      listSshKeys: 'read',
      removeSshKey: 'write',
      listTags: 'read',
      addTag: 'write',
      changeTag: 'write',
      removeTag: 'write',
      tagMachines: 'write',
      userData: 'read',
      machineKey: 'read',
      findMachineKey: 'read',
      keepMachineKey: 'write',
    }),
    logins: bind<LoginStore>(driver, tables.logins, {
      openDebug: 'write',
      closeDebug: 'write',
      findDebug: 'read',
      noteDebug: 'write',
    }),
    scripts: bind<ScriptStore>(driver, tables.scripts, {
      listScripts: 'read',
      findScript: 'read',
      addScript: 'write',
      changeScript: 'write',
      tagScript: 'write',
      removeScript: 'write',
      beginRun: 'write',
      listResults: 'read',
      changeResult: 'write',
    }),
    boot: bind<BootStore>(driver, tables.boot, {
      listSources: 'read',
      addFileSources: 'write',
      addSource: 'write',
      changeSource: 'write',
      removeSource: 'write',
      listSelections: 'read',
      addSelection: 'write',
      changeSelection: 'write',
      removeSelection: 'write',
      listResources: 'read',
      addResources: 'write',
      noteProgress: 'write',
      wish: 'write',
      wishCancelled: 'write',
      forget: 'write',
      listUses: 'read',
      findRun: 'read',
      changeRun: 'write',
      noteDownload: 'write',
    }),
    networks: bind<NetworkStore>(driver, tables.networks, {
      list: 'read',
      change: 'write',
      usedBetween: 'read',
      leasedBetween: 'read',
      heldBy: 'read',
      firstUse: 'write',
    }),
    uploads: bind<UploadStore>(driver, tables.uploads, {
      list: 'read',
      begin: 'write',
      advance: 'write',
      fail: 'write',
      remove: 'write',
    }),
    areas: bind<AreaStore>(driver, tables.areas, {
      list: 'read',
      add: 'write',
      change: 'write',
      remove: 'write',
      moveToZone: 'write',
    }),
    files: bind<FileStore>(driver, fileTable, {
      put: 'write',
      find: 'read',
      findByKey: 'read',
      list: 'read',
      remove: 'write',
    }),
    sessions: bind<SessionStore>(driver, sessionTable, {
      open: 'write',
      find: 'read',
      note: 'write',
      close: 'write',
    }),
    power: {
      ...bind<Omit<PowerLedger, 'whileOnDuty'>>(driver, tables.power, {
        begin: 'write',
        end: 'write',
        listUnended: 'read',
      }),
      whileOnDuty: async (report) => {
        if (holder === undefined) await report();
        else await driver.transact(async () => (await driver.write(() => checkDuties(holder))) && (await report()));
      },
    },
    sshKey: bind<SshKeyStore>(driver, sshKeyTable, { find: 'read', keep: 'write' }),
    duties: duties && bind<DutyStore>(shared.dutyDriver, duties, { hold: 'write', leave: 'write', timeMs: 'read' }),
    hostImages:
      shared &&
      bind<HostImageStore>(driver, new HostImageTable(), {
        report: 'write',
        condemned: 'read',
        condemn: 'write',
        list: 'read',
      }),
    rates: shared?.rates,
    neighbours: shared?.neighbours,
    availability: shared?.availability,
    confirmation: shared?.confirmation,
    troubles: driver,
    ...own(tables.machines, {
      enlist: 'write',
      changeMachine: 'write',
      changeMachines: 'write',
      mergeMachines: 'write',
      splitMachine: 'write',
      keepApart: 'write',
      removeMachine: 'write',
      shiftDeadlines: 'write',
    }),
    ...own(machineReads, {
      findMachine: 'read',
      outlineMachines: 'read',
      listMachines: 'read',
      listMachinesForRacks: 'read',
      countMachines: 'read',
      countStatuses: 'read',
      listOverdue: 'read',
      listPowerTasks: 'read',
    }),
    ...own(tables.settings, { listSettings: 'read', changeSettings: 'write' }),
    ...own(tables.events, {
      highestSequence: 'read',
      acceptSequence: 'write',
      recordReports: 'write',
      recordEvent: 'write',
      recordEvents: 'write',
      listEvents: 'read',
      eventRange: 'read',
      nearestEvent: 'read',
      listStrangers: 'read',
      recentEvents: 'read',
      newestEvents: 'read',
    }),
    ...own(
      { listConflicts, sharedValues, listStamped, desiredVersion, settledVersion, listGone, historyEnd, listHeard },
      {
        listConflicts: 'read',
        sharedValues: 'read',
        listStamped: 'read',
        desiredVersion: 'read',
        settledVersion: 'read',
        listGone: 'read',
        historyEnd: 'read',
        listHeard: 'read',
      },
    ),
    ...own({ clearHeard }, { clearHeard: 'write' }),
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
