// Finds, enlists, changes, merges and splits the machines of region.db. Runs inside its caller's transaction.
//
// 1. A change that alters a machine in the racks' desired state counts one version.
// 2. The table `identity` is updated whenever a machine's identifying values change.

import { isDeepStrictEqual } from 'node:util';
import type { MachineAddress } from '../machines/machine.ts';
import { type Ipv4, ipv4, type MacAddress } from '../net/address.ts';
import { identityKeys } from '../region/identity/evidence.ts';
import { heldMacs } from '../region/identity/interface-source.ts';
import { UNTOUCHED_LOOKED_MAX } from '../region/identity/new-machines.ts';
import { machineEvidence } from '../region/identity/recognition.ts';
import { toRackMachine } from '../region/racks/desired-machine.ts';
import { statusRow } from '../region/records/lifecycle.ts';
import type { Machine, MachineFields } from '../region/records/machine.ts';
import type { NewMachineEvent } from '../region/records/machine-event.ts';
import type { PowerTask } from '../region/records/power-task.ts';
import type {
  DecideChange,
  EnlistmentDecision,
  EnlistmentKnowledge,
  EnlistmentOutcome,
  MachineChangeOutcome,
  MachineFilter,
  MergeDecision,
  ReportedInterface,
  SplitDecision,
  SplitKnowledge,
  SplitOutcome,
} from '../region/records/store.ts';
import { NEW_MACHINES_SQL, UNBOOTED_SQL, UNTOUCHED_SQL } from './new-machines-sql.ts';
import type { EventTable } from './region-events.ts';
import type { IdentityTables } from './region-identity.ts';
import {
  MACHINE_COLUMNS,
  machineValues,
  number,
  type Row,
  readAllocation,
  readInterface,
  readMachine,
  readMachineTag,
  readUntouched,
  type Statements,
} from './region-rows.ts';

const OWNER_DATA_BYTES = 'SELECT sum(octet_length(owner_data)) FROM machine WHERE owner IS ? AND id <> ?';

/** Counts one version of the racks' desired state. */
export function countVersion(sql: Statements): void {
  sql.run(
    "INSERT INTO counter (name, value) VALUES ('desired-version', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
  );
}

/** The tables `machine` and `interface`. */
export class MachineTable {
  readonly #sql: Statements;
  readonly #events: EventTable;
  readonly #identity: IdentityTables;

  constructor(sql: Statements, events: EventTable, identity: IdentityTables) {
    this.#sql = sql;
    this.#events = events;
    this.#identity = identity;
  }

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R>,
  ): EnlistmentOutcome<R> {
    const { atMs } = evidence;
    const decision = decide(this.#knowledge(evidence.macs, evidence.values));
    if (decision.kind === 'refuse') return decision;
    const gone = decision.kind === 'create' ? decision.gone : undefined;
    if (gone !== undefined) this.#delete(gone.systemId, gone.event);
    if (decision.kind === 'create') this.#create(decision.systemId, decision.fields, atMs);
    const before = this.get(decision.systemId);
    let others: readonly Machine[] = [];
    if (decision.kind !== 'unchanged') {
      if (decision.kind === 'amend') this.#update(before, decision.fields, atMs);
      others = this.#take(before.id, decision.taken ?? []);
      this.#setInterfaces(before, decision.interfaces);
      this.#events.adopt(before.id, evidence.macs);
      this.#identity.addShared(decision.shared ?? [], atMs);
      for (const conflict of decision.conflicts ?? []) {
        const other = this.idOf(conflict.with);
        if (other !== undefined) this.#identity.setVerdict(before.id, other, 'conflict', conflict.why, atMs);
      }
    }
    for (const event of decision.events) this.#events.add(event, before.id);
    const machine = this.get(decision.systemId);
    if (decision.kind === 'create' || others.length > 0) this.#identity.setValues(machine);
    if (gone !== undefined || others.length > 0 || differsForRacks(before, machine)) countVersion(this.#sql);
    return { kind: decision.kind, machine, others, goneId: gone?.systemId };
  }

  change<R>(systemId: string, atMs: number, decide: DecideChange<R>): MachineChangeOutcome<R> {
    const machine = this.find(systemId);
    if (machine === undefined) return { kind: 'not-found' };
    const change = decide(machine, (hostname) => this.#isTaken('hostname', hostname), {
      takenAddresses: (low, high) => this.#addressesIn('allocation', machine.id, low, high),
      seenAddresses: (low, high) => this.#addressesIn('interface', machine.id, low, high),
      ownerDataBytes: (owner) => this.#sql.number(OWNER_DATA_BYTES, owner ?? null, machine.id),
    });
    if (change.kind === 'refuse') return change;
    this.#update(machine, change.fields, atMs);
    if (change.addresses !== undefined) this.#setAddresses(machine.id, change.addresses);
    if (change.userData !== undefined) this.#setUserData(machine.id, change.userData);
    if (change.endsKey === true) this.#sql.run('DELETE FROM machine_key WHERE machine_id = ?', machine.id);
    for (const event of change.events) this.#events.add(event, machine.id);
    const after = this.get(systemId);
    if (differsForRacks(machine, after)) countVersion(this.#sql);
    return { kind: 'changed', machine: after };
  }

  remove(systemId: string, event: NewMachineEvent): boolean {
    const isRemoved = this.#delete(systemId, event);
    if (isRemoved) countVersion(this.#sql);
    return isRemoved;
  }

  #delete(systemId: string, event: NewMachineEvent): boolean {
    const id = this.idOf(systemId);
    if (id === undefined) return false;
    this.#sql.run('DELETE FROM machine WHERE id = ?', id);
    this.#events.add(event, id);
    return true;
  }

  merge<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): MachineChangeOutcome<R> {
    const [keep, other] = [this.find(keepId), this.find(otherId)];
    if (keep === undefined || other === undefined) return { kind: 'not-found' };
    const decision = decide(keep, other);
    if (decision.kind === 'refuse') return decision;
    const shown = [...identityKeys(machineEvidence(keep)), ...identityKeys(machineEvidence(other))];
    const macs = other.interfaces.map((nic) => nic.mac);
    this.#take(keep.id, macs);
    this.#accept([...heldMacs(keep), ...macs]);
    this.#sql.run(
      'UPDATE interface SET position = position + ? WHERE machine_id = ? AND mac IN (SELECT value FROM json_each(?))',
      keep.interfaces.length,
      keep.id,
      JSON.stringify(macs),
    );
    this.#events.move(other.id, keep.id);
    this.#sql.run('DELETE FROM machine WHERE id = ?', other.id);
    this.#update(this.get(keepId), decision.fields, atMs);
    this.#identity.setValues(this.get(keepId));
    this.#identity.forgetShared(shown);
    for (const event of decision.events) this.#events.add(event, keep.id);
    countVersion(this.#sql);
    return { kind: 'changed', machine: this.get(keepId) };
  }

  split<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R>,
  ): SplitOutcome<R> {
    const machine = this.find(systemId);
    if (machine === undefined) return { kind: 'not-found' };
    const decision = decide(machine, this.#splitKnowledge());
    if (decision.kind === 'refuse') return decision;
    this.#create(decision.systemId, decision.fields, atMs);
    const made = this.get(decision.systemId);
    this.#take(made.id, decision.macs);
    this.#accept([...decision.macs, ...heldMacs(machine)]);
    this.#update(machine, decision.left, atMs);
    for (const one of [systemId, decision.systemId]) this.#identity.setValues(this.get(one));
    this.#identity.addShared(decision.shared, atMs);
    this.#identity.setVerdict(machine.id, made.id, 'apart', undefined, atMs);
    this.#identity.forgetDoubt(machine.id);
    for (const event of decision.events) this.#events.add(event, machine.id);
    for (const event of decision.newEvents) this.#events.add(event, made.id);
    countVersion(this.#sql);
    return { kind: 'changed', machine: this.get(systemId), made: this.get(decision.systemId) };
  }

  find(systemId: string): Machine | undefined {
    return this.list('SELECT * FROM machine WHERE system_id = ?', systemId)[0];
  }

  get(systemId: string): Machine {
    const machine = this.find(systemId);
    if (machine === undefined) throw new Error(`no machine ${systemId} in its own transaction`);
    return machine;
  }

  idOf(systemId: string): number | undefined {
    const row = this.#sql.one('SELECT id FROM machine WHERE system_id = ?', systemId);
    return row === undefined ? undefined : number(row, 'id');
  }

  /** Runs a query for machines; reads the interfaces of all of them in one further query, likewise addresses and tags. */
  list(sql: string, ...values: (string | number)[]): readonly Machine[] {
    const rows = this.#sql.all(sql, ...values);
    if (rows.length === 0) return [];
    const ids = JSON.stringify(rows.map((row) => number(row, 'id')));
    const of = 'machine_id IN (SELECT value FROM json_each(?)) ORDER BY machine_id';
    const interfaces = this.#byMachine(`SELECT * FROM interface WHERE ${of}, position`, ids);
    const addresses = this.#byMachine(`SELECT * FROM allocation WHERE ${of}, address`, ids);
    const tags = this.#byMachine(
      `SELECT machine_id, name, kernel_params FROM machine_tag JOIN tag ON tag.id = tag_id WHERE ${of}, name`,
      ids,
    );
    return rows.map((row) => {
      const id = number(row, 'id');
      return readMachine(row, {
        interfaces: (interfaces.get(id) ?? []).map(readInterface),
        addresses: (addresses.get(id) ?? []).map(readAllocation),
        tags: (tags.get(id) ?? []).map(readMachineTag),
      });
    });
  }

  #byMachine(query: string, ids: string): ReadonlyMap<number, readonly Row[]> {
    const found = new Map<number, Row[]>();
    for (const row of this.#sql.all(query, ids)) {
      const owner = number(row, 'machine_id');
      const list = found.get(owner);
      if (list === undefined) found.set(owner, [row]);
      else list.push(row);
    }
    return found;
  }

  #knowledge(macs: readonly MacAddress[], keys: readonly string[]): EnlistmentKnowledge {
    const byMac = 'SELECT machine_id FROM interface WHERE mac IN (SELECT value FROM json_each(?))';
    const byId = 'SELECT value FROM json_each(?)';
    return {
      ...this.#splitKnowledge(),
      byMac: this.list(`SELECT * FROM machine WHERE id IN (${byMac}) ORDER BY id`, JSON.stringify(macs)),
      byValue: this.list(
        `SELECT * FROM machine WHERE id IN (${byId}) ORDER BY id`,
        JSON.stringify(this.#identity.holders(keys)),
      ),
      newMachines: this.#sql.number(NEW_MACHINES_SQL),
      untouched: () => this.#sql.all(UNTOUCHED_SQL, UNTOUCHED_LOOKED_MAX).map(readUntouched),
      unbootedOf: (username) => this.#sql.number(UNBOOTED_SQL, username),
      isShared: (key) => this.#identity.isShared(key),
      verdictOn: (a, b) => this.#identity.verdictOn(a.id, b.id),
    };
  }

  #splitKnowledge(): SplitKnowledge {
    return {
      machines: this.#sql.number('SELECT count(*) FROM machine'),
      isHostnameTaken: (hostname) => this.#isTaken('hostname', hostname),
      isSystemIdTaken: (systemId) => this.#isTaken('system_id', systemId),
    };
  }

  #isTaken(column: 'hostname' | 'system_id', value: string): boolean {
    return this.#sql.one(`SELECT 1 FROM machine WHERE ${column} = ?`, value) !== undefined;
  }

  #create(systemId: string, fields: MachineFields, atMs: number): void {
    const columns = ['system_id', 'created_ms', 'updated_ms', ...MACHINE_COLUMNS];
    const sql = `INSERT INTO machine (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    this.#sql.run(sql, systemId, atMs, atMs, ...machineValues(fields));
  }

  #update(machine: Machine, fields: Partial<MachineFields>, atMs: number): void {
    const after = { ...machine, ...fields };
    const sql = `UPDATE machine SET updated_ms = ?, ${MACHINE_COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`;
    this.#sql.run(sql, atMs, ...machineValues(after), machine.id);
    if (Object.hasOwn(fields, 'powerTask')) this.#namePowerTask(machine, fields.powerTask);
    const shown = (of: Machine): string => identityKeys(machineEvidence(of)).join('\n');
    if (shown(machine) !== shown(after)) this.#identity.setValues(after);
  }

  /** Gives each power task a unique id, even one of the same kind as before: the ledger knows by it whether the task was started. */
  #namePowerTask({ id, systemId }: Machine, task: PowerTask | undefined): void {
    if (task !== undefined) {
      this.#sql.run(
        "INSERT INTO counter (name, value) VALUES ('power-task', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
      );
    }
    const count = task === undefined ? 0 : this.#sql.number("SELECT value FROM counter WHERE name = 'power-task'");
    const name = task === undefined ? null : `${systemId}/${count}`;
    this.#sql.run('UPDATE machine SET power_task_id = ? WHERE id = ?', name, id);
  }

  /** Moves interfaces with these hardware addresses to this machine. @returns their former machines as they are now */
  #take(machineId: number, macs: readonly MacAddress[]): readonly Machine[] {
    if (macs.length === 0) return [];
    const list = JSON.stringify(macs);
    const where = 'mac IN (SELECT value FROM json_each(?)) AND machine_id <> ?';
    const owners = this.#sql.all(`SELECT DISTINCT machine_id FROM interface WHERE ${where}`, list, machineId);
    this.#sql.run(
      `UPDATE interface SET machine_id = ?2 WHERE mac IN (SELECT value FROM json_each(?1)) AND machine_id <> ?2`,
      list,
      machineId,
    );
    const ids = JSON.stringify(owners.map((row) => number(row, 'machine_id')));
    return this.list('SELECT * FROM machine WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id', ids);
  }

  /** Records that a person assigned these interfaces. */
  #accept(macs: readonly MacAddress[]): void {
    const query = "UPDATE interface SET source = 'person' WHERE mac IN (SELECT value FROM json_each(?))";
    this.#sql.run(query, JSON.stringify(macs));
  }

  /** The addresses that other machines were given, or were seen with. */
  #addressesIn(table: 'allocation' | 'interface', machineId: number, low: Ipv4, high: Ipv4): ReadonlySet<Ipv4> {
    const query = `SELECT address FROM ${table} WHERE address BETWEEN ?2 AND ?3 AND machine_id <> ?1`;
    return new Set(this.#sql.all(query, machineId, low, high).map((row) => ipv4(number(row, 'address'))));
  }

  /** Throws on an address of another machine, which is our own bug; the transaction is then rolled back. */
  #setAddresses(machineId: number, addresses: readonly MachineAddress[]): void {
    this.#sql.run('DELETE FROM allocation WHERE machine_id = ?', machineId);
    for (const { address, mac } of addresses) {
      this.#sql.run('INSERT INTO allocation (address, machine_id, mac) VALUES (?, ?, ?)', address, machineId, mac);
    }
  }

  #setUserData(machineId: number, data: Uint8Array | null): void {
    if (data === null) this.#sql.run('DELETE FROM user_data WHERE machine_id = ?', machineId);
    else this.#sql.run('INSERT OR REPLACE INTO user_data (machine_id, data) VALUES (?, ?)', machineId, data);
  }

  #setInterfaces(machine: Machine, interfaces: readonly ReportedInterface[]): void {
    const kept = new Set(interfaces.map((nic) => nic.mac));
    for (const nic of machine.interfaces) {
      if (!kept.has(nic.mac)) this.#sql.run('DELETE FROM interface WHERE id = ?', nic.id);
    }
    interfaces.forEach((nic, position) => {
      this.#sql.run(
        'INSERT INTO interface (machine_id, position, mac, name, source) VALUES (?1, ?2, ?3, ?4, ?5) ' +
          'ON CONFLICT (mac) DO UPDATE SET position = ?2, name = ?4, source = ?5 WHERE machine_id = ?1',
        machine.id,
        position,
        nic.mac,
        nic.name,
        nic.source ?? 'hearsay',
      );
    });
  }
}

/** True if the machine differs in the racks' desired state. */
function differsForRacks(before: Machine, after: Machine): boolean {
  return !isDeepStrictEqual(toRackMachine(before), toRackMachine(after));
}

/** Builds a query for machines; each given list of the filter narrows it. */
export function machineQuery(
  filter: MachineFilter,
  columns: string,
  conditions: readonly string[],
  values: readonly (string | number)[],
): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const all = [...conditions];
  const given = [...values];
  const oneOf = (condition: string, list: readonly (string | number)[] | undefined): void => {
    if (list === undefined) return;
    all.push(condition);
    given.push(JSON.stringify(list));
  };
  const listed = 'IN (SELECT value FROM json_each(?))';
  oneOf(`machine.system_id ${listed}`, filter.systemIds);
  oneOf(`machine.hostname ${listed}`, filter.hostnames);
  oneOf(`machine.owner ${listed}`, filter.owners);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE mac ${listed})`, filter.macs);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE address ${listed})`, filter.seenAt);
  const tagged = `SELECT machine_id FROM machine_tag JOIN tag ON tag.id = tag_id WHERE tag.name ${listed}`;
  oneOf(`machine.id IN (${tagged})`, filter.tags);
  const statuses = filter.statuses?.map((status) => statusRow(status).number);
  const [status, ...others] = statuses ?? [];
  if (status !== undefined && others.length === 0) {
    // Read from the index in the order of ids; a list would be sorted whole for every few machines.
    all.push('machine.status = ?');
    given.push(status);
  } else oneOf(`machine.status ${listed}`, statuses);
  return {
    sql: `SELECT ${columns} FROM machine${all.length === 0 ? '' : ` WHERE ${all.join(' AND ')}`}`,
    values: given,
  };
}
