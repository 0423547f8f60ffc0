// All operations on region.db, apart from reads of machines (`region-machine-reads.ts`) and of identities (`region-identity.ts`).

import type { EventBounds } from './event-cuts.ts';
import { AccountTables } from './region-accounts.ts';
import { AreaTable } from './region-areas.ts';
import { BootTables } from './region-boot.ts';
import { CounterTable, type RaisedCounter } from './region-counters.ts';
import { EventTable } from './region-events.ts';
import { LifeTables } from './region-life.ts';
import { LoginTable } from './region-logins.ts';
import { MachineTable } from './region-machines.ts';
import { NetworkTables } from './region-networks.ts';
import { PowerTable } from './region-power.ts';
import { RackTable } from './region-racks.ts';
import { ScriptTables } from './region-scripts.ts';
import { SettingTable } from './region-settings.ts';
import { UploadTable } from './region-uploads.ts';

/** The tables of one process. A process needs exactly one of these, because some tables keep state in memory. */
export class RegionTables {
  readonly events: EventTable;
  readonly counters: CounterTable;
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
  readonly power = new PowerTable();

  /** @param onRaised called with a counter that somebody had changed by hand */
  constructor(bounds: EventBounds, onRaised: (raised: RaisedCounter) => void = () => undefined) {
    this.events = new EventTable(bounds);
    this.counters = new CounterTable(onRaised);
    this.accounts = new AccountTables(this.events);
    this.settings = new SettingTable(this.events);
    this.machines = new MachineTable(this.events, this.counters);
    this.racks = new RackTable(this.events);
    this.life = new LifeTables(this.events);
    this.logins = new LoginTable(this.events);
    this.scripts = new ScriptTables(this.events);
    this.boot = new BootTables(this.events);
    this.uploads = new UploadTable(this.events);
    this.areas = new AreaTable(this.events);
    this.networks = new NetworkTables(this.events, this.counters);
  }
}
