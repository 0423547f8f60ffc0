// Carries out the power tasks in the region's records. `power-reports.ts` reports their outcomes
// and the observed power states.
//
//   region ── follow(ids) ─► checked in a later turn ─┬─ watch, or stop watching
//                                                     └─ powerTask ─► switchboard ─► its end ─► life.powerSwitched
//   begin ── recover, then every machine ─────────────┘     readings ─► life.powerSeen
//   suspend ── ends all of this; begin starts afresh
//
// 1. A task is carried out from the record on disk, never from a change that may still be rolled back.
// 2. Each check gives the task again until the record has its end; the ledger of commands keeps it
//    from running twice.
// 3. A machine's controller is not contacted before a person has accepted its power parameters.
// 4. For `settleMs` after `begin`, a machine with an unfinished command of the last process gets no
//    other command.
// 5. A machine is started once its racks know its state, or HOLD_MS_MAX later (`power-hold.ts`).

import { type Clock, repeat, type Timer, within } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { PowerDetail } from '../power/detail.ts';
import type { PowerDriver } from '../power/driver.ts';
import { POWER_DRIVERS } from '../power/drivers.ts';
import { outcome } from '../power/outcome.ts';
import { hasSshKey, openSshIdentity, type SshIdentity } from '../power/ssh-identity.ts';
import { PowerSwitchboard, type PowerTarget } from '../power/switchboard.ts';
import type { MachineLife } from '../region/life/machine-life.ts';
import type { PowerControl, PowerView } from '../region/life/power-life.ts';
import { isInterrupted } from '../region/life/state-power.ts';
import type { MachineFilter } from '../region/records/filters.ts';
import type { Machine } from '../region/records/machine.ts';
import type { PowerParameters } from '../region/records/power-parameters.ts';
import type { PowerTask } from '../region/records/power-task.ts';
import type { RefusalWord } from '../region/records/refusal.ts';
import type { RegionStore } from '../region/records/store.ts';
import { InterruptedCommands } from './interrupted-commands.ts';
import { BY_HAND, buildPowerCommand, findParameterProblems } from './power-commands.ts';
import { PowerHold, type PowerHoldDeps } from './power-hold.ts';
import { PowerReports } from './power-reports.ts';
import { PowerViews } from './power-views.ts';

// The SSH key with which this process reaches hypervisors: the region's, with a copy as a file in
// the state directory.

interface OwnKeyDeps {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly store: Pick<RegionStore, 'sshKey'>;
}

class OwnKey {
  readonly #deps: OwnKeyDeps;
  #identity: Promise<SshIdentity> | undefined;

  constructor(deps: OwnKeyDeps) {
    this.#deps = deps;
  }

  /** Stores this directory's key if the store has none, because hypervisors already accept it. */
  keep(): void {
    // A failure is reported by the first command that needs the key.
    if (hasSshKey(this.#deps.stateDir)) this.identity().catch(() => undefined);
  }

  identity(): Promise<SshIdentity> {
    const { stateDir, clock, store } = this.#deps;
    this.#identity ??= openSshIdentity(stateDir, clock, store.sshKey).catch((error: unknown) => {
      // The next caller tries again.
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }
}

// The machines whose power-on was interrupted by the end of a process. Each is queried until it is
// seen off, which lets the region switch it on (`power-life.ts`), or until it shows a sign of life
// or its time is over.
//
// 1. Nothing is switched here, and nothing is queried while the machine has a power task.

/** The wait before each query, in milliseconds: the last step of the former process may still take effect. */
const CHECK_EVERY_MS = 5000;

interface InterruptedStartsDeps {
  readonly clock: Clock;
  /** Queries a machine soon, if it is watched. */
  readonly look: (systemId: string) => void;
  readonly report: (systemId: string) => Promise<void>;
  readonly again: (systemIds: readonly string[]) => void;
}

class InterruptedStarts {
  readonly #deps: InterruptedStartsDeps;
  #waiting = new Set<string>();

  constructor(deps: InterruptedStartsDeps) {
    this.#deps = deps;
  }

  check(machine: Machine): void {
    const { systemId, powerTask } = machine;
    const waiting = this.#waiting;
    if (powerTask !== undefined || !isInterrupted(machine) || waiting.has(systemId)) return;
    waiting.add(systemId);
    this.#deps.clock.schedule(CHECK_EVERY_MS, () => {
      if (waiting === this.#waiting) void this.#look(systemId);
    });
  }

  /** Call when another process has the duties. */
  forget(): void {
    this.#waiting = new Set();
  }

  async #look(systemId: string): Promise<void> {
    const { look, report, again } = this.#deps;
    this.#waiting.delete(systemId);
    look(systemId);
    // The region may have ignored a reading that came before the end of the command was recorded.
    await report(systemId);
    again([systemId]);
  }
}

/** Machines checked in one turn of the event loop; the others follow in the next. */
export const CHECK_MAX = 100;
/**
 * The wait before work that the store or a controller refused is tried again, and the pause between
 * checks of the tasks on record.
 */
const RETRY_MS = 2000;
/** How long commands may continue at shutdown, and how long closing may take in all. */
const CLOSE_GRACE_MS = 2000;
const CLOSE_MS_MAX = 3500;

interface PowerSideDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  /** Where the SSH key for hypervisors is as a file. */
  readonly stateDir: string;
  /** True while this process may switch machines; undefined: always. */
  readonly mayStep?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Default: all drivers. */
  readonly drivers?: readonly PowerDriver[] | undefined;
}

interface Wanted {
  readonly task: PowerTask;
  readonly id: string;
  readonly target: PowerTarget | undefined;
  readonly version: () => Promise<number>;
}

/** The region's access to its machines' power. */
export class PowerSide implements PowerControl {
  readonly drivers: readonly PowerDriver[];
  readonly #deps: PowerSideDeps;
  #switchboard: PowerSwitchboard;
  readonly #drivers: ReadonlyMap<string, PowerDriver>;
  #life: Pick<MachineLife, 'powerSwitched' | 'powerSeen'> | undefined;
  readonly #key: OwnKey;
  /** Machines to check. */
  readonly #touched = new Set<string>();
  #look: Timer | undefined;
  #sweep: Timer | undefined;
  readonly #reports: PowerReports;
  readonly #views: PowerViews;
  /** The last machine id that the sweep over the tasks on record has reached. */
  #sweptId = 0;
  #looks: Promise<void> = Promise.resolve();
  /** Grows with each `begin` and `suspend`; work that began under an earlier number stops. */
  #term = 0;
  /** Commands that the former holder of the duties had not ended. */
  readonly #interrupted: InterruptedCommands;
  readonly #starts: InterruptedStarts;
  /** Settles when the work that `suspend` stopped has ended. */
  #leaving: Promise<unknown> = Promise.resolve();
  #isBegun = false;
  #isClosed = false;
  /** Undefined if racks do not acknowledge states. */
  #hold: PowerHold | undefined;

  constructor(deps: PowerSideDeps) {
    this.#deps = deps;
    this.#key = new OwnKey(deps);
    this.drivers = deps.drivers ?? POWER_DRIVERS;
    this.#drivers = new Map(this.drivers.map((driver) => [driver.name, driver]));
    this.#switchboard = this.#openSwitchboard();
    this.#views = new PowerViews({
      clock: deps.clock,
      switchboard: () => this.#switchboard,
      targetOf: (machine) => this.#targetOf(machine),
    });
    this.#reports = new PowerReports({
      clock: deps.clock,
      ledger: deps.store.power,
      life: () => this.#life,
      reading: (systemId) => this.reading(systemId),
      onTaken: (systemId) => this.follow([systemId]),
    });
    this.#interrupted = new InterruptedCommands({
      clock: deps.clock,
      ledger: deps.store.power,
      recover: (ids) => reachesStore(() => this.#switchboard.recover(ids)),
      onSettled: (machines) => this.follow(machines),
    });
    this.#starts = new InterruptedStarts({
      clock: deps.clock,
      look: (systemId) => this.#switchboard.queryNow(systemId),
      report: (systemId) => this.#reports.read(systemId),
      again: (machines) => this.follow(machines),
    });
  }

  #openSwitchboard(): PowerSwitchboard {
    const { clock, store, mayStep } = this.#deps;
    // A replaced switchboard reports no ends: the process that has the duties finds out how its
    // commands ended.
    const isInUse = (): boolean => this.#switchboard === opened;
    const opened = new PowerSwitchboard({
      clock,
      mayStep,
      findDriver: (name) => this.#drivers.get(name),
      ledger: store.power,
      sshIdentity: () => this.#key.identity(),
      onEnd: async (ended) => {
        if (isInUse()) await this.#reports.ended(ended);
      },
      onReading: (machine) => {
        if (isInUse()) void this.#reports.read(machine);
      },
    });
    return opened;
  }

  /**
   * Resumes unfinished tasks, and watches every machine from now on.
   * @param racks their acknowledgements of states; `undefined`: start machines without waiting for racks
   * @param settleMs how long a step of the former process may still take, in milliseconds; 0: no
   * other process had these tasks
   */
  async begin(
    life: Pick<MachineLife, 'powerSwitched' | 'powerSeen'>,
    racks?: Pick<PowerHoldDeps, 'acknowledgements' | 'onUnacknowledged'>,
    settleMs = 0,
  ): Promise<void> {
    this.#life = life;
    this.#term += 1;
    const term = this.#term;
    const { clock } = this.#deps;
    if (racks !== undefined && this.#hold === undefined) {
      const again = (systemIds: readonly string[]): void => this.follow(systemIds);
      this.#hold = new PowerHold({ ...racks, clock, again });
    }
    // Before the first command: an entry without an end belongs to the previous process, which died.
    const isRecovered = await reachesStore(() =>
      settleMs === 0 ? this.#switchboard.recover() : this.#interrupted.find(settleMs),
    );
    if (!this.#isOf(term)) return;
    if (!isRecovered) {
      clock.schedule(RETRY_MS, () => !this.#isOf(term) || void this.begin(life, racks, settleMs));
      return;
    }
    this.#isBegun = true;
    this.#key.keep();
    await this.#inOrder(() => this.#lookAtAll(0, term));
    if (this.#isOf(term)) this.#sweep = repeat(clock, RETRY_MS, () => void this.#sweepNow());
  }

  /**
   * Ends all work: another process has the duties now. Running commands may end within
   * CLOSE_GRACE_MS, then they are stopped.
   */
  suspend(): void {
    this.#term += 1;
    this.#isBegun = false;
    this.#look?.cancel();
    this.#look = undefined;
    this.#sweep?.cancel();
    this.#hold?.close();
    this.#hold = undefined;
    this.#interrupted.forget();
    this.#starts.forget();
    const former = this.#switchboard;
    this.#switchboard = this.#openSwitchboard();
    this.#leaving = Promise.all([former.close(CLOSE_GRACE_MS), this.#reports.handOver()]);
  }

  #isOf(term: number): boolean {
    return !this.#isClosed && term === this.#term;
  }

  switches({ powerType }: Machine): boolean {
    return this.#drivers.get(powerType)?.byHand === false;
  }

  problemsOf(powerType: string, values: PowerParameters): readonly RefusalWord[] {
    const { clock } = this.#deps;
    return findParameterProblems(this.#drivers, powerType, values, { clock, sshIdentity: () => this.#key.identity() });
  }

  follow(systemIds: readonly string[]): void {
    for (const systemId of systemIds) this.#touched.add(systemId);
    if (systemIds.length > 0) this.#lookLater(0);
  }

  reading(systemId: string): PowerView | undefined {
    return this.#views.reading(systemId);
  }

  ask(machine: Machine, by: string): Promise<PowerView> | undefined {
    return this.#views.ask(machine, by);
  }

  /**
   * Starts nothing more, lets running commands end or stops them, and records their ends; takes at
   * most CLOSE_MS_MAX.
   */
  async close(): Promise<void> {
    this.#look?.cancel();
    this.#sweep?.cancel();
    const ends = Promise.all([this.#switchboard.close(CLOSE_GRACE_MS), this.#leaving]);
    await within(this.#deps.clock, CLOSE_MS_MAX, ends, () => undefined);
    this.#isClosed = true;
    this.#reports.close();
    this.#interrupted.forget();
    this.#look?.cancel();
    this.#hold?.close();
  }

  /** Checks every machine, CHECK_MAX in a turn. */
  async #lookAtAll(afterId: number, term: number): Promise<void> {
    const goOn = (delayMs: number, fromId: number): void => {
      const check = (): Promise<void> => this.#inOrder(() => this.#lookAtAll(fromId, term));
      this.#deps.clock.schedule(delayMs, () => !this.#isOf(term) || void check());
    };
    const machines = await this.#list({}, afterId);
    if (machines === undefined) {
      goOn(RETRY_MS, afterId);
      return;
    }
    await this.#lookAtEach(machines);
    const last = machines.at(-1);
    if (last !== undefined) goOn(0, last.id);
  }

  /** Looks at machines one after the other, so the newer of two records of a machine takes effect last. */
  #inOrder(check: () => Promise<void>): Promise<void> {
    const looked = this.#looks.then(() => (this.#isClosed ? undefined : check()));
    // The caller handles a fault; the looks after it continue.
    this.#looks = looked.catch(() => undefined);
    return looked;
  }

  async #sweepNow(): Promise<void> {
    await this.#reports.repeat();
    await reachesStore(async () => {
      const machines = await this.#deps.store.listPowerTasks(this.#sweptId, CHECK_MAX);
      // The next sweep continues after the last machine, so that none starves behind those before it.
      this.#sweptId = machines.length < CHECK_MAX ? 0 : (machines.at(-1)?.id ?? 0);
      this.follow(machines.map(({ systemId }) => systemId));
    });
  }

  #lookLater(delayMs: number): void {
    if (this.#isClosed || !this.#isBegun || this.#look !== undefined) return;
    this.#look = this.#deps.clock.schedule(delayMs, () => {
      this.#look = undefined;
      void this.#inOrder(() => this.#lookNow());
    });
  }

  async #lookNow(): Promise<void> {
    const systemIds = [...this.#touched].slice(0, CHECK_MAX);
    // Cleared before reading, so a machine that changes during the read is read again.
    for (const systemId of systemIds) this.#touched.delete(systemId);
    const machines = await this.#list({ systemIds }, 0);
    if (machines === undefined) {
      for (const systemId of systemIds) this.#touched.add(systemId);
      this.#lookLater(RETRY_MS);
      return;
    }
    const present = new Set(machines.map(({ systemId }) => systemId));
    for (const systemId of systemIds) {
      if (present.has(systemId)) continue;
      this.#switchboard.watch(systemId, undefined);
      this.#dropUnwanted(systemId, undefined);
    }
    await this.#lookAtEach(machines);
    if (this.#touched.size > 0) this.#lookLater(0);
  }

  /** Undefined if the store cannot be read at the moment. */
  async #list(filter: MachineFilter, afterId: number): Promise<readonly Machine[] | undefined> {
    let machines: readonly Machine[] | undefined;
    await reachesStore(async () => {
      machines = await this.#deps.store.listMachines(filter, afterId, CHECK_MAX);
    });
    return machines;
  }

  /** Looks at machines that were read together. */
  async #lookAtEach(machines: readonly Machine[]): Promise<void> {
    let read: Promise<number> | undefined;
    // One version for all of them: it is at least that of each.
    const version = (): Promise<number> => {
      read ??= this.#deps.store.desiredVersion();
      return read;
    };
    for (const machine of machines) await this.#lookAt(machine, version);
  }

  async #lookAt(machine: Machine, version: () => Promise<number>): Promise<void> {
    const { systemId, powerTask: task, powerTaskId: id, powerState, status } = machine;
    const target = this.#targetOf(machine);
    this.#switchboard.watch(systemId, status === 'retired' ? undefined : target);
    if (target === undefined && powerState !== 'unknown') {
      await reachesStore(async () => this.#life?.powerSeen(systemId, 'unknown'));
    }
    this.#dropUnwanted(systemId, id);
    this.#starts.check(machine);
    if (task !== undefined && id !== undefined && !this.#reports.owes(id))
      await this.#carryOut(machine, { task, id, target, version });
  }

  /** Withdraws a waiting command that the record no longer wants. */
  #dropUnwanted(systemId: string, wanted: string | undefined): void {
    const waiting = this.#switchboard.findCommandId(systemId);
    if (waiting !== undefined && waiting !== wanted) this.#switchboard.withdraw(waiting);
    this.#hold?.keepOnly(systemId, wanted);
  }

  async #carryOut(machine: Machine, { task, id, target, version }: Wanted): Promise<void> {
    const { systemId } = machine;
    if (!this.#isBegun || this.#interrupted.has(systemId)) return;
    const command = buildPowerCommand(machine, task);
    const refuse = (why: PowerDetail): Promise<void> =>
      this.#reports.ended({ id, machine: systemId, command, outcome: outcome('refused', why) });
    if (target === undefined) {
      await refuse(BY_HAND);
      return;
    }
    if (command.kind !== 'off' && !(await this.#mayStart(machine, id, version))) return;
    const attempt = this.#switchboard.command(id, target, command);
    if (attempt.kind === 'refused') await refuse(attempt.why);
    // `busy`: retried when the running command ends. `not-now`: retried by the sweep.
  }

  /**
   * False if its racks do not know its state yet, or the store cannot be read; the machine is
   * checked again later.
   */
  async #mayStart(machine: Machine, id: string, version: () => Promise<number>): Promise<boolean> {
    const hold = this.#hold;
    if (hold === undefined) return true;
    let mayStart = false;
    await reachesStore(async () => {
      mayStart = await hold.mayStart(machine, id, version);
    });
    return mayStart;
  }

  #targetOf(machine: Machine): PowerTarget | undefined {
    if (machine.powerIsProposed === true || !this.switches(machine)) return undefined;
    return { machine: machine.systemId, driver: machine.powerType, values: machine.powerParameters };
  }
}
