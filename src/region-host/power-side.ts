// Carries out the power tasks in the region's records. `power-reports.ts` reports their outcomes
// and the observed power states.
//
//   region ── follow(ids) ─► checked in a later turn ─┬─ watch, or stop watching
//                                                     └─ powerTask ─► switchboard ─► its end ─► life.powerSwitched
//   begin ── recover, then every machine ─────────────┘     readings ─► life.powerSeen
//   suspend ── ends all of this; begin starts afresh
//
// 1. A task is carried out from the record on disk, never from a change that may still be rolled back.
// 2. Each check submits the task again until the record has its end. The ledger of commands
//    prevents it from running twice.
// 3. A machine's controller is not contacted before a person has accepted its power parameters.
// 4. For `settleMs` after `begin`, a machine with an unfinished command of the former process gets
//    no other command.
// 5. A machine is started once its racks know its state, or HOLD_MS_MAX later (`power-hold.ts`).

import { type Clock, repeat, type Timer, withTimeout } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { PowerDetail } from '../power/detail.ts';
import type { PowerDriver, PowerRacks, Switching } from '../power/driver.ts';
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

// The SSH key with which this process reaches hypervisors. It is the region's key, with a copy in a
// file of the state directory.

interface OwnKeyDeps {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly store: Pick<RegionStore, 'sshKey'>;
}

class HypervisorKey {
  readonly #deps: OwnKeyDeps;
  #identity: Promise<SshIdentity> | undefined;

  constructor(deps: OwnKeyDeps) {
    this.#deps = deps;
  }

  /** Stores this directory's key if the store has none, because hypervisors already accept it. */
  storeOwnKey(): void {
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

// The machines whose power-on was interrupted by the end of a process. Each is queried until its
// power is off, so that the region may switch it on (`power-life.ts`), until it shows a sign of
// life, or until its time is over.
//
// 1. Nothing is switched here, and nothing is queried while the machine has a power task.

/**
 * The wait before each query, in milliseconds, because the last step of the former process may
 * still take effect.
 */
const QUERY_DELAY_MS = 5000;

interface InterruptedStartsDeps {
  readonly clock: Clock;
  /** Queries a machine soon, if it is watched. */
  readonly queryMachine: (systemId: string) => void;
  readonly report: (systemId: string) => Promise<void>;
  readonly checkAgain: (systemIds: readonly string[]) => void;
}

class InterruptedStarts {
  readonly #deps: InterruptedStartsDeps;
  #waitingMachines = new Set<string>();

  constructor(deps: InterruptedStartsDeps) {
    this.#deps = deps;
  }

  check(machine: Machine): void {
    const { systemId, powerTask } = machine;
    const waitingMachines = this.#waitingMachines;
    if (powerTask !== undefined || !isInterrupted(machine) || waitingMachines.has(systemId)) return;
    waitingMachines.add(systemId);
    this.#deps.clock.schedule(QUERY_DELAY_MS, () => {
      if (waitingMachines === this.#waitingMachines) void this.#query(systemId);
    });
  }

  /** Call when another process has the duties. */
  forget(): void {
    this.#waitingMachines = new Set();
  }

  async #query(systemId: string): Promise<void> {
    const { queryMachine: look, report, checkAgain: again } = this.#deps;
    this.#waitingMachines.delete(systemId);
    look(systemId);
    // The region may have ignored a reading that came before the end of the command was recorded.
    await report(systemId);
    again([systemId]);
  }
}

/**
 * The number of machines that are checked in one turn of the event loop. The others follow in later
 * turns.
 */
export const MACHINES_PER_CHECK = 100;
/**
 * The wait before work that the store or a controller refused is tried again, and the pause between
 * checks of the tasks on record.
 */
const RETRY_MS = 2000;
/** How long commands may continue at shutdown. CLOSE_MS_MAX is how long closing may take in all. */
const CLOSE_GRACE_MS = 2000;
const CLOSE_MS_MAX = 3500;

interface PowerSideDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  /** The directory with the file of the SSH key for hypervisors. */
  readonly stateDir: string;
  /** True while this process may switch machines. If undefined, it always may. */
  readonly mayStep?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Undefined if no rack serves a driver. */
  readonly racks?: PowerRacks | undefined;
  /** By default, all drivers. */
  readonly drivers?: readonly PowerDriver[] | undefined;
}

interface RequestedTask {
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
  readonly #key: HypervisorKey;
  /** Machines to check. */
  readonly #machinesToCheck = new Set<string>();
  #checkTimer: Timer | undefined;
  #sweepTimer: Timer | undefined;
  readonly #reports: PowerReports;
  readonly #views: PowerViews;
  /** The last machine id that the sweep over the tasks on record has reached. */
  #sweptId = 0;
  #pendingChecks: Promise<void> = Promise.resolve();
  /** Grows with each `begin` and `suspend`. Work that began under an earlier number stops. */
  #term = 0;
  /** Commands that the former holder of the duties had not ended. */
  readonly #interrupted: InterruptedCommands;
  readonly #interruptedStarts: InterruptedStarts;
  /** Settles when the work that `suspend` stopped has ended. */
  #suspension: Promise<unknown> = Promise.resolve();
  #hasBegun = false;
  #isClosed = false;
  /** Undefined if racks do not acknowledge states. */
  #hold: PowerHold | undefined;

  constructor(deps: PowerSideDeps) {
    this.#deps = deps;
    this.#key = new HypervisorKey(deps);
    this.drivers = deps.drivers ?? POWER_DRIVERS;
    this.#drivers = new Map(this.drivers.map((driver) => [driver.name, driver]));
    this.#switchboard = this.#openSwitchboard();
    this.#views = new PowerViews({
      clock: deps.clock,
      switchboard: () => this.#switchboard,
      findTarget: (machine) => this.#findTarget(machine),
    });
    this.#reports = new PowerReports({
      clock: deps.clock,
      ledger: deps.store.power,
      life: () => this.#life,
      getReading: (systemId) => this.reading(systemId),
      onStored: (systemId) => this.follow([systemId]),
    });
    this.#interrupted = new InterruptedCommands({
      clock: deps.clock,
      ledger: deps.store.power,
      recover: (ids) => reachesStore(() => this.#switchboard.recover(ids)),
      onSettled: (machines) => this.follow(machines),
    });
    this.#interruptedStarts = new InterruptedStarts({
      clock: deps.clock,
      queryMachine: (systemId) => this.#switchboard.queryNow(systemId),
      report: (systemId) => this.#reports.reportReading(systemId),
      checkAgain: (machines) => this.follow(machines),
    });
  }

  #openSwitchboard(): PowerSwitchboard {
    const { clock, store, mayStep } = this.#deps;
    // A replaced switchboard reports no ends, because the process that has the duties finds out how
    // its commands ended.
    const isCurrent = (): boolean => this.#switchboard === switchboard;
    const switchboard = new PowerSwitchboard({
      clock,
      mayStep,
      findDriver: (name) => this.#drivers.get(name),
      ledger: store.power,
      sshIdentity: () => this.#key.identity(),
      racks: this.#deps.racks,
      keepCertificate: (systemId, fingerprint) => this.#keepCertificate(systemId, fingerprint),
      onEnd: async (ended) => {
        if (isCurrent()) await this.#reports.reportEnd(ended);
      },
      onReading: (machine) => {
        if (isCurrent()) void this.#reports.reportReading(machine);
      },
    });
    return switchboard;
  }

  /**
   * Resumes unfinished tasks, and watches every machine from now on.
   * @param racks acknowledgements of states by racks. If undefined, machines are started without
   * waiting for racks
   * @param settleMs how long a step of the former process may still take, in milliseconds. 0 if no
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
      this.#hold = new PowerHold({ ...racks, clock, checkAgain: again });
    }
    // Recovered before the first command, so that an entry without an end must belong to the
    // previous process.
    const isRecovered = await reachesStore(() =>
      settleMs === 0 ? this.#switchboard.recover() : this.#interrupted.find(settleMs),
    );
    if (!this.#isCurrentTerm(term)) return;
    if (!isRecovered) {
      clock.schedule(RETRY_MS, () => !this.#isCurrentTerm(term) || void this.begin(life, racks, settleMs));
      return;
    }
    this.#hasBegun = true;
    this.#key.storeOwnKey();
    await this.#runInOrder(() => this.#checkAll(0, term));
    if (this.#isCurrentTerm(term)) this.#sweepTimer = repeat(clock, RETRY_MS, () => void this.#sweepTasks());
  }

  /**
   * Ends all work, because another process has the duties now. Running commands may end within
   * CLOSE_GRACE_MS. Then they are stopped.
   */
  suspend(): void {
    this.#term += 1;
    this.#hasBegun = false;
    this.#checkTimer?.cancel();
    this.#checkTimer = undefined;
    this.#sweepTimer?.cancel();
    this.#hold?.close();
    this.#hold = undefined;
    this.#interrupted.forget();
    this.#interruptedStarts.forget();
    const formerSwitchboard = this.#switchboard;
    this.#switchboard = this.#openSwitchboard();
    this.#suspension = Promise.all([formerSwitchboard.close(CLOSE_GRACE_MS), this.#reports.handOver()]);
  }

  /** The first certificate of a controller, which is pinned from then on. */
  async #keepCertificate(systemId: string, fingerprint: string): Promise<void> {
    const { store, clock } = this.#deps;
    const atMs = clock.wallTimeMs();
    const event = { type: 'NODE', code: 'certificate-kept', params: { fingerprint }, atMs, username: '' } as const;
    await reachesStore(() =>
      store.changeMachine<never>(systemId, atMs, ({ powerParameters }) =>
        powerParameters.power_certificate === undefined
          ? {
              kind: 'change',
              fields: { powerParameters: { ...powerParameters, power_certificate: fingerprint } },
              events: [event],
            }
          : { kind: 'change', fields: {}, events: [] },
      ),
    );
    this.follow([systemId]);
  }

  #isCurrentTerm(term: number): boolean {
    return !this.#isClosed && term === this.#term;
  }

  switches({ powerType, powerIsProposed }: Machine): Switching {
    return powerIsProposed === true ? 'nothing' : (this.#drivers.get(powerType)?.switches ?? 'nothing');
  }

  problemsOf(powerType: string, values: PowerParameters): readonly RefusalWord[] {
    const { clock } = this.#deps;
    return findParameterProblems(this.#drivers, powerType, values, { clock, sshIdentity: () => this.#key.identity() });
  }

  follow(systemIds: readonly string[]): void {
    for (const systemId of systemIds) this.#machinesToCheck.add(systemId);
    if (systemIds.length > 0) this.#scheduleCheck(0);
  }

  reading(systemId: string): PowerView | undefined {
    return this.#views.reading(systemId);
  }

  ask(machine: Machine, by: string): Promise<PowerView> | undefined {
    return this.#views.ask(machine, by);
  }

  /**
   * Closes within CLOSE_MS_MAX. Starts nothing more, lets running commands end or stops them, and
   * records their ends.
   */
  async close(): Promise<void> {
    this.#checkTimer?.cancel();
    this.#sweepTimer?.cancel();
    const ends = Promise.all([this.#switchboard.close(CLOSE_GRACE_MS), this.#suspension]);
    await withTimeout(this.#deps.clock, CLOSE_MS_MAX, ends, () => undefined);
    this.#isClosed = true;
    this.#reports.close();
    this.#interrupted.forget();
    this.#checkTimer?.cancel();
    this.#hold?.close();
  }

  /** Checks every machine, MACHINES_PER_CHECK in a turn. */
  async #checkAll(afterId: number, term: number): Promise<void> {
    const continueLater = (delayMs: number, fromId: number): void => {
      const check = (): Promise<void> => this.#runInOrder(() => this.#checkAll(fromId, term));
      this.#deps.clock.schedule(delayMs, () => !this.#isCurrentTerm(term) || void check());
    };
    const machines = await this.#listMachines({}, afterId);
    if (machines === undefined) {
      continueLater(RETRY_MS, afterId);
      return;
    }
    await this.#checkEach(machines);
    const last = machines.at(-1);
    if (last !== undefined) continueLater(0, last.id);
  }

  /** Runs checks one after the other, so that the newer of two records of a machine takes effect last. */
  #runInOrder(check: () => Promise<void>): Promise<void> {
    const checkDone = this.#pendingChecks.then(() => (this.#isClosed ? undefined : check()));
    // The caller handles a fault. Later checks continue.
    this.#pendingChecks = checkDone.catch(() => undefined);
    return checkDone;
  }

  async #sweepTasks(): Promise<void> {
    await this.#reports.retryReports();
    await reachesStore(async () => {
      const machines = await this.#deps.store.listPowerTasks(this.#sweptId, MACHINES_PER_CHECK);
      // The next sweep continues after the last machine, so that every machine is reached.
      this.#sweptId = machines.length < MACHINES_PER_CHECK ? 0 : (machines.at(-1)?.id ?? 0);
      this.follow(machines.map(({ systemId }) => systemId));
    });
  }

  #scheduleCheck(delayMs: number): void {
    if (this.#isClosed || !this.#hasBegun || this.#checkTimer !== undefined) return;
    this.#checkTimer = this.#deps.clock.schedule(delayMs, () => {
      this.#checkTimer = undefined;
      void this.#runInOrder(() => this.#checkChanged());
    });
  }

  async #checkChanged(): Promise<void> {
    const systemIds = [...this.#machinesToCheck].slice(0, MACHINES_PER_CHECK);
    // Cleared before reading, so a machine that changes during the read is read again.
    for (const systemId of systemIds) this.#machinesToCheck.delete(systemId);
    const machines = await this.#listMachines({ systemIds }, 0);
    if (machines === undefined) {
      for (const systemId of systemIds) this.#machinesToCheck.add(systemId);
      this.#scheduleCheck(RETRY_MS);
      return;
    }
    const presentMachines = new Set(machines.map(({ systemId }) => systemId));
    for (const systemId of systemIds) {
      if (presentMachines.has(systemId)) continue;
      this.#switchboard.watch(systemId, undefined);
      this.#withdrawObsolete(systemId, undefined);
    }
    await this.#checkEach(machines);
    if (this.#machinesToCheck.size > 0) this.#scheduleCheck(0);
  }

  /** Lists machines. Undefined if the store cannot be read at the moment. */
  async #listMachines(filter: MachineFilter, afterId: number): Promise<readonly Machine[] | undefined> {
    let machines: readonly Machine[] | undefined;
    await reachesStore(async () => {
      machines = await this.#deps.store.listMachines(filter, afterId, MACHINES_PER_CHECK);
    });
    return machines;
  }

  /** Checks machines that were read together. */
  async #checkEach(machines: readonly Machine[]): Promise<void> {
    let versionRead: Promise<number> | undefined;
    // One version is read for all of them. It is at least the version of each.
    const version = (): Promise<number> => {
      versionRead ??= this.#deps.store.desiredVersion();
      return versionRead;
    };
    for (const machine of machines) await this.#checkMachine(machine, version);
  }

  async #checkMachine(machine: Machine, version: () => Promise<number>): Promise<void> {
    const { systemId, powerTask: task, powerTaskId: id, powerState, status } = machine;
    const target = this.#findTarget(machine);
    this.#switchboard.watch(systemId, status === 'retired' ? undefined : target);
    if (target === undefined && powerState !== 'unknown') {
      await reachesStore(async () => this.#life?.powerSeen(systemId, 'unknown'));
    }
    this.#withdrawObsolete(systemId, id);
    this.#interruptedStarts.check(machine);
    if (task !== undefined && id !== undefined && !this.#reports.hasUnreportedEnd(id))
      await this.#carryOut(machine, { task, id, target, version });
  }

  /** Withdraws a waiting command that is not for the current task of the record. */
  #withdrawObsolete(systemId: string, currentTask: string | undefined): void {
    const waitingCommand = this.#switchboard.findCommandId(systemId);
    if (waitingCommand !== undefined && waitingCommand !== currentTask) this.#switchboard.withdraw(waitingCommand);
    this.#hold?.keepOnly(systemId, currentTask);
  }

  async #carryOut(machine: Machine, { task, id, target, version }: RequestedTask): Promise<void> {
    const { systemId } = machine;
    if (!this.#hasBegun || this.#interrupted.has(systemId)) return;
    const command = buildPowerCommand(machine, task);
    const refuse = (why: PowerDetail): Promise<void> =>
      this.#reports.reportEnd({ id, machine: systemId, command, outcome: outcome('refused', why) });
    if (target === undefined) {
      await refuse(BY_HAND);
      return;
    }
    if (command.kind !== 'off' && !(await this.#mayStart(machine, id, version))) return;
    const attempt = this.#switchboard.command(id, target, command);
    if (attempt.kind === 'refused') await refuse(attempt.why);
    // After `busy`, the task is retried when the running command ends. After `not-now`, the sweep retries it.
  }

  /**
   * False if the machine's racks do not know its state yet, or the store cannot be read. The
   * machine is then checked again later.
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

  #findTarget(machine: Machine): PowerTarget | undefined {
    if (this.switches(machine) === 'nothing') return undefined;
    return { machine: machine.systemId, driver: machine.powerType, values: machine.powerParameters };
  }
}
