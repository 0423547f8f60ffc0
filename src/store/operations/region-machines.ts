// Operations that enlist, change, merge and split the machines of region.db (`steps.ts`).
//
// 1. A change of a machine in the racks' desired state makes a new version.
// 2. The table `identity` is updated whenever a machine's identifying values change.
// 3. A decision that lacks facts asks for them, and is then made again. So an operation reads only
//    the facts that its decision needs.

import type { MacAddress } from '../../ground/address.ts';
import { identityKeys } from '../../region/identity/evidence.ts';
import { heldMacs } from '../../region/identity/interface-source.ts';
import { machineEvidence } from '../../region/identity/recognition.ts';
import type {
  EnlistmentDecision,
  EnlistmentOutcome,
  MachineChange,
  MachineChangeOutcome,
  MergeDecision,
  SplitDecision,
  SplitOutcome,
} from '../../region/records/decisions.ts';
import type {
  ChangeKnowledge,
  ChangeQuestion,
  EnlistmentKnowledge,
  EnlistmentQuestion,
  NameQuestion,
  SplitKnowledge,
} from '../../region/records/knowledge.ts';
import { STATUSES } from '../../region/records/lifecycle.ts';
import type { Machine, MachineFields } from '../../region/records/machine.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { composeInsert, number } from '../rows.ts';
import { all, run, type Steps } from '../steps.ts';
import { applyChanges, differsForRacks, setInterfaces, updateMachine } from './machine-changes.ts';
import {
  answerChange,
  answerEnlistment,
  answerSplit,
  decideWith,
  MachineCount,
  NOTHING_ASKED,
  readEnlistmentKnowledge,
} from './region-decisions.ts';
import { composeMachineEvents, LoggedTable } from './region-events.ts';
import { addShared, forgetDoubt, forgetShared, setIdentity, setVerdict } from './region-identity.ts';
import { findMachine, findMachineId, getMachine, readMachines } from './region-machine-reads.ts';
import { MACHINE_FIELDS } from './region-rows.ts';
import { countVersion } from './region-versions.ts';

const MINUTE_MS = 60_000;

const CREATE_SQL = composeInsert('machine', ['system_id', 'created_ms', 'updated_ms', ...MACHINE_FIELDS.names]);

export class MachineTable extends LoggedTable {
  readonly #count = new MachineCount();

  *enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R> | EnlistmentQuestion,
  ): Steps<EnlistmentOutcome<R>> {
    const { atMs } = evidence;
    const decision = yield* decideWith<EnlistmentKnowledge, EnlistmentDecision<R>, EnlistmentQuestion>(
      decide,
      yield* readEnlistmentKnowledge(evidence, yield* this.#count.read()),
      answerEnlistment,
    );
    if (decision.kind === 'refuse') return decision;
    const goneMachine = decision.kind === 'create' ? decision.gone : undefined;
    if (goneMachine !== undefined) yield* this.#delete(goneMachine.systemId, goneMachine.event);
    if (decision.kind === 'create') yield* this.#create(decision.systemId, decision.fields, atMs);
    const machineBefore = yield* getMachine(decision.systemId);
    let otherMachines: readonly Machine[] = [];
    if (decision.kind !== 'unchanged') {
      if (decision.kind === 'amend') yield* updateMachine(machineBefore, decision.fields, atMs);
      otherMachines = yield* this.#takeInterfaces(machineBefore.id, decision.taken ?? []);
      yield* setInterfaces(machineBefore, decision.interfaces);
      yield* this.events.adopt(machineBefore.id, evidence.macs);
      yield* addShared(decision.shared ?? [], atMs);
      for (const conflict of decision.conflicts ?? []) {
        const otherId = yield* findMachineId(conflict.with);
        if (otherId !== undefined) yield* setVerdict(machineBefore.id, otherId, 'conflict', conflict.why, atMs);
      }
    }
    const machine = yield* getMachine(decision.systemId);
    yield* this.events.addAll(composeMachineEvents(decision.events, machineBefore, machine));
    if (decision.kind === 'create' || otherMachines.length > 0) yield* setIdentity(machine);
    if (goneMachine !== undefined || otherMachines.length > 0 || differsForRacks(machineBefore, machine)) {
      yield* countVersion([machine.id, ...otherMachines.map(({ id }) => id)], goneMachine?.systemId);
    }
    return { kind: decision.kind, machine, others: otherMachines, goneId: goneMachine?.systemId };
  }

  *changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: ChangeKnowledge) => MachineChange<R> | ChangeQuestion,
  ): Steps<MachineChangeOutcome<R>> {
    const machine = yield* findMachine(systemId);
    if (machine === undefined) return { kind: 'not-found' };
    const change = yield* decideWith<ChangeKnowledge, MachineChange<R>, ChangeQuestion>(
      (knowledge) => decide(machine, knowledge),
      NOTHING_ASKED,
      (question, knowledge) => answerChange(machine, question, knowledge, atMs),
    );
    if (change.kind === 'refuse') return change;
    const [changedMachine] = yield* applyChanges([{ machine, change }], atMs, this.events);
    return changedMachine === undefined ? { kind: 'not-found' } : { kind: 'changed', machine: changedMachine };
  }

  /** Each statement handles many machines. */
  *changeMachines<R>(
    systemIds: readonly string[],
    atMs: number,
    decide: (machine: Machine) => MachineChange<R>,
  ): Steps<readonly MachineChangeOutcome<R>[]> {
    if (systemIds.length === 0) return [];
    const query = 'SELECT * FROM machine WHERE system_id IN texts(?) ORDER BY id';
    const machines = yield* readMachines(query, JSON.stringify(systemIds));
    const decided = machines.map((machine) => ({ machine, change: decide(machine) }));
    const changes = decided.flatMap(({ machine, change }) => (change.kind === 'change' ? [{ machine, change }] : []));
    const changedById = new Map(
      (yield* applyChanges(changes, atMs, this.events)).map((machine) => [machine.systemId, machine]),
    );
    const refused = new Map(
      decided.flatMap(({ machine, change }) => (change.kind === 'refuse' ? [[machine.systemId, change] as const] : [])),
    );
    return systemIds.map((systemId) => {
      const machine = changedById.get(systemId);
      return machine === undefined ? (refused.get(systemId) ?? { kind: 'not-found' }) : { kind: 'changed', machine };
    });
  }

  *removeMachine(systemId: string, event: NewMachineEvent): Steps<boolean> {
    const isRemoved = yield* this.#delete(systemId, event);
    if (isRemoved) yield* countVersion([], systemId);
    return isRemoved;
  }

  *#delete(systemId: string, event: NewMachineEvent): Steps<boolean> {
    const id = yield* findMachineId(systemId);
    if (id === undefined) return false;
    yield run('DELETE FROM machine WHERE id = ?', id);
    yield* this.events.add(event, id);
    return true;
  }

  *mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, otherMachine: Machine) => MergeDecision<R>,
  ): Steps<MachineChangeOutcome<R>> {
    const [keep, otherMachine] = [yield* findMachine(keepId), yield* findMachine(otherId)];
    if (keep === undefined || otherMachine === undefined) return { kind: 'not-found' };
    const decision = decide(keep, otherMachine);
    if (decision.kind === 'refuse') return decision;
    const shownKeys = [...identityKeys(machineEvidence(keep)), ...identityKeys(machineEvidence(otherMachine))];
    const macs = otherMachine.interfaces.map((nic) => nic.mac);
    yield* this.#takeInterfaces(keep.id, macs);
    yield* this.#acceptInterfaces([...heldMacs(keep), ...macs]);
    yield run(
      'UPDATE interface SET position = position + ? WHERE machine_id = ? AND mac IN numbers(?)',
      keep.interfaces.length,
      keep.id,
      JSON.stringify(macs),
    );
    yield* this.events.move(otherMachine.id, keep.id);
    yield run('DELETE FROM machine WHERE id = ?', otherMachine.id);
    yield* updateMachine(yield* getMachine(keepId), decision.fields, atMs);
    yield* setIdentity(yield* getMachine(keepId));
    yield* forgetShared(shownKeys);
    for (const event of decision.events) yield* this.events.add(event, keep.id);
    yield* countVersion([keep.id], otherId);
    return { kind: 'changed', machine: yield* getMachine(keepId) };
  }

  *splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R> | NameQuestion,
  ): Steps<SplitOutcome<R>> {
    const machine = yield* findMachine(systemId);
    if (machine === undefined) return { kind: 'not-found' };
    const decision = yield* decideWith<SplitKnowledge, SplitDecision<R>, NameQuestion>(
      (knowledge) => decide(machine, knowledge),
      { ...NOTHING_ASKED, machines: yield* this.#count.read() },
      answerSplit,
    );
    if (decision.kind === 'refuse') return decision;
    yield* this.#create(decision.systemId, decision.fields, atMs);
    const newMachine = yield* getMachine(decision.systemId);
    yield* this.#takeInterfaces(newMachine.id, decision.macs);
    yield* this.#acceptInterfaces([...decision.macs, ...heldMacs(machine)]);
    yield* updateMachine(machine, decision.left, atMs);
    for (const changedId of [systemId, decision.systemId]) yield* setIdentity(yield* getMachine(changedId));
    yield* addShared(decision.shared, atMs);
    yield* setVerdict(machine.id, newMachine.id, 'apart', undefined, atMs);
    yield* forgetDoubt(machine.id);
    for (const event of decision.events) yield* this.events.add(event, machine.id);
    for (const event of decision.newEvents) yield* this.events.add(event, newMachine.id);
    yield* countVersion([machine.id, newMachine.id]);
    return { kind: 'changed', machine: yield* getMachine(systemId), made: yield* getMachine(decision.systemId) };
  }

  *shiftDeadlines(byMs: number, nowMs: number): Steps<void> {
    for (const { number: status, timeoutMinutes } of STATUSES) {
      if (timeoutMinutes === undefined) continue;
      const latestMs = nowMs + timeoutMinutes * MINUTE_MS;
      yield run(
        'UPDATE machine SET status_deadline_ms = CASE WHEN status_deadline_ms + ?1 > ?2 THEN ?2 ELSE status_deadline_ms + ?1 END ' +
          'WHERE status = ?3 AND status_deadline_ms IS NOT NULL AND (CAST(?1 AS BIGINT) <> 0 OR status_deadline_ms > ?2)',
        byMs,
        latestMs,
        status,
      );
    }
  }

  *keepApart(systemId: string, otherId: string, event: NewMachineEvent): Steps<boolean> {
    const [firstId, secondId] = [yield* findMachineId(systemId), yield* findMachineId(otherId)];
    if (firstId === undefined || secondId === undefined || firstId === secondId) return false;
    yield* setVerdict(firstId, secondId, 'apart', undefined, event.atMs);
    yield* this.events.add(event, firstId);
    return true;
  }

  *#create(systemId: string, fields: MachineFields, atMs: number): Steps<void> {
    yield run(CREATE_SQL, systemId, atMs, atMs, ...MACHINE_FIELDS.values(fields));
    this.#count.add();
  }

  /** Moves interfaces to this machine. @returns their former machines, without them */
  *#takeInterfaces(machineId: number, macs: readonly MacAddress[]): Steps<readonly Machine[]> {
    if (macs.length === 0) return [];
    const list = JSON.stringify(macs);
    const whereSql = 'mac IN numbers(?) AND machine_id <> ?';
    const { rows: ownerRows } = yield all(
      `SELECT DISTINCT machine_id FROM interface WHERE ${whereSql}`,
      list,
      machineId,
    );
    yield run(`UPDATE interface SET machine_id = ?2 WHERE mac IN numbers(?1) AND machine_id <> ?2`, list, machineId);
    const ids = JSON.stringify(ownerRows.map(number('machine_id').read));
    return yield* readMachines('SELECT * FROM machine WHERE id IN numbers(?) ORDER BY id', ids);
  }

  /** A person assigned these interfaces. */
  *#acceptInterfaces(macs: readonly MacAddress[]): Steps<void> {
    const query = "UPDATE interface SET source = 'person' WHERE mac IN numbers(?)";
    yield run(query, JSON.stringify(macs));
  }
}
