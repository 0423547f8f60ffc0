// Switches machines and queries their power, one task per controller at a time, with a ledger.
//
//   command ─► queue ─► ledger.begin: known? ─► driver, within its time ─► ledger.end ─► onEnd
//   readings: due ─► queue ─► driver ─► readings
//
// 1. A command runs once: its id is in the ledger before the driver is called.
// 2. Every started command has an end, by onEnd or, if the process died, by `recover`. A command
//    that had not started is not in the ledger. Its caller submits it again with the same id.
// 3. A driver that does not finish is abandoned at its deadline, with outcome `unknown`.

import { Alarm } from '../ground/deadline-queue.ts';
import { errorText, isStoreUnavailable } from '../ground/errors.ts';
import { COMMAND_MS_MAX, type PowerCommand, performCommand } from './command.ts';
import type { PowerDetail } from './detail.ts';
import type { PowerDeps, PowerDriver, PowerPort } from './driver.ts';
import { type LedgerEntry, NotOnDuty, type PowerLedger } from './ledger.ts';
import { cleanWords, outcome, type PowerOutcome } from './outcome.ts';
import type { PowerValues } from './parameters.ts';
import { PowerQueue, type PowerTask } from './queue.ts';
import { type PowerReading, PowerReadings } from './readings.ts';

export interface PowerTarget {
  /** Its system id. */
  readonly machine: string;
  /** `power_type`. */
  readonly driver: string;
  /** `power_parameters`. */
  readonly values: PowerValues;
}

export type Submission =
  | { readonly kind: 'taken' }
  /** The machine has another command. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly why: PowerDetail }
  /** Not accepted now. The caller may submit the command again. */
  | { readonly kind: 'not-now' };

/** An ended command. */
export interface EndedCommand {
  readonly id: string;
  readonly machine: string;
  readonly command: LedgerEntry['command'];
  readonly outcome: PowerOutcome;
  /** True if the machine was off when last seen before the command. */
  readonly wasOff?: boolean;
  /** True if the ledger had this end already. */
  readonly wasRecordedBefore?: boolean;
  /** True if the ledger has this end. */
  readonly isRecorded?: boolean;
}

interface SwitchboardDeps extends PowerDeps {
  readonly findDriver: (name: string) => PowerDriver | undefined;
  readonly ledger: PowerLedger;
  /** True while this process may switch machines; undefined if it always may. */
  readonly mayStep?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  readonly onEnd: (ended: EndedCommand) => Promise<void>;
  /** Called when the seen state changes, and when queries start or stop failing. */
  readonly onReading: (machine: string, reading: PowerReading) => void;
}

interface Task extends PowerTask {
  readonly port: PowerPort;
  readonly command: PowerCommand;
  readonly stop: AbortController;
  readonly over: PromiseWithResolvers<void>;
}

export class PowerSwitchboard {
  readonly #deps: SwitchboardDeps;
  readonly #queue = new PowerQueue<Task>();
  readonly #readings = new PowerReadings();
  readonly #targets = new Map<string, PowerTarget>();
  readonly #running = new Map<string, Task>();
  /** Callers that wait for the next answer about a machine. */
  readonly #pendingAnswers = new Map<string, PromiseWithResolvers<PowerOutcome>>();
  /**
   * For each machine, the last command whose ledger write failed, perhaps only after it reached the
   * disk. The driver was not called for it.
   */
  readonly #maybeRecorded = new Map<string, string>();
  readonly #alarm: Alarm;
  #queryCount = 0;
  #isClosed = false;

  constructor(deps: SwitchboardDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#startDueTasks());
  }

  /**
   * Ends the unfinished commands of the previous process as `unknown`. Call this before all else.
   * @param onlyIds limits this to commands with these ids
   */
  async recover(onlyIds?: ReadonlySet<string>): Promise<void> {
    for (const { id, machine, command } of await this.#deps.ledger.listUnended()) {
      if (onlyIds !== undefined && !onlyIds.has(id)) continue;
      await this.#end({ id, machine, command, outcome: INTERRUPTED });
    }
  }

  /**
   * Submits a command and returns at once; onEnd reports its end. @param id always the same for the
   * same command
   */
  command(id: string, target: PowerTarget, command: LedgerEntry['command']): Submission {
    if (this.#isClosed) return { kind: 'not-now' };
    const task = this.#createTask(id, target, command);
    if (task.kind === 'refused') return task;
    const admission = this.#queue.submit(task.task, this.#deps.clock.now());
    this.#startDueTasks();
    switch (admission.kind) {
      case 'waiting':
        if (admission.dropped !== undefined)
          this.#resolveAnswer(target.machine, outcome('refused', busyWithCommand(command)));
        return { kind: 'taken' };
      case 'busy':
        return { kind: admission.by.id === id ? 'taken' : 'busy' };
      case 'full':
        return { kind: 'not-now' };
    }
  }

  findCommandId(machine: string): string | undefined {
    return this.#queue.findCommand(machine)?.id;
  }

  /**
   * Withdraws a waiting command, which then has no end. @returns false if it has started or does
   * not exist
   */
  withdraw(id: string): boolean {
    return this.#queue.withdraw(id);
  }

  /** Queries a machine's state. Concurrent callers share the answer. Never throws. */
  async queryState(target: PowerTarget): Promise<PowerOutcome> {
    if (this.#isClosed) return outcome('unreachable', STOPPING);
    const { machine } = target;
    const pendingAnswer = this.#pendingAnswers.get(machine);
    if (pendingAnswer !== undefined) return pendingAnswer.promise;
    const task = this.#createTask(this.#nextQueryId(), target, { kind: 'query' });
    if (task.kind === 'refused') return outcome('refused', task.why);
    const admission = this.#queue.submit(task.task, this.#deps.clock.now());
    if (admission.kind === 'full') return outcome('refused', { code: 'too-many-queries', params: {} });
    if (admission.kind === 'busy' && !admission.by.isQuery) {
      return outcome('refused', busyWithCommand(admission.by.command));
    }
    const pending = Promise.withResolvers<PowerOutcome>();
    this.#pendingAnswers.set(machine, pending);
    this.#startDueTasks();
    return pending.promise;
  }

  /**
   * Watches a machine. If driver or parameters have changed, the reading starts afresh, and a
   * waiting command is withdrawn. Undefined stops watching.
   */
  watch(machine: string, target: PowerTarget | undefined): void {
    const { clock, findDriver } = this.#deps;
    const previousTarget = this.#targets.get(machine);
    if (previousTarget !== undefined && target !== undefined && isSameTarget(previousTarget, target)) return;
    const waitingId = previousTarget === undefined ? undefined : this.findCommandId(machine);
    if (waitingId !== undefined) this.withdraw(waitingId);
    this.#targets.delete(machine);
    this.#readings.forget(machine);
    const { switches = 'nothing' } = findDriver(target?.driver ?? '') ?? {};
    if (target === undefined || switches === 'nothing') return;
    this.#targets.set(machine, target);
    this.#readings.watch(machine, clock.now(), this.#randomFraction());
    this.#startDueTasks();
  }

  queryNow(machine: string): void {
    if (this.#isClosed) return;
    this.#submitQuery(machine);
    this.#startDueTasks();
  }

  /** Undefined if it is not watched. */
  reading(machine: string): PowerReading | undefined {
    return this.#readings.get(machine);
  }

  /**
   * Starts nothing more, and drops waiting tasks. Running commands that do not end within `graceMs`
   * are stopped. Resolves when all ends have been reported.
   */
  async close(graceMs = 0): Promise<void> {
    this.#isClosed = true;
    this.#alarm.cancel();
    this.#queue.clear();
    for (const machine of [...this.#pendingAnswers.keys()])
      this.#resolveAnswer(machine, outcome('unreachable', STOPPING));
    const running = [...this.#running.values()];
    const stop = (task: Task): void => task.stop.abort();
    running.filter(({ isQuery: isQuestion }) => graceMs === 0 || isQuestion).forEach(stop);
    const abortTimer = this.#deps.clock.schedule(graceMs, () => running.forEach(stop));
    await Promise.all(running.map(({ over }) => over.promise));
    abortTimer.cancel();
  }

  #createTask(
    id: string,
    target: PowerTarget,
    command: PowerCommand,
  ): { readonly kind: 'task'; readonly task: Task } | { readonly kind: 'refused'; readonly why: PowerDetail } {
    const driver = this.#deps.findDriver(target.driver);
    if (driver === undefined) {
      return { kind: 'refused', why: { code: 'no-driver', params: { driver: cleanWords(target.driver) } } };
    }
    const opened = driver.open(target.machine, target.values, this.#deps);
    if (opened.kind === 'bad-parameters') {
      return { kind: 'refused', why: { code: 'bad-parameters', params: { problems: opened.problems } } };
    }
    const { port } = opened;
    const { machine } = target;
    const isQuery = command.kind === 'query';
    const stop = new AbortController();
    const over = Promise.withResolvers<void>();
    return {
      kind: 'task',
      task: { id, machine, controller: port.controller, isQuery, port, command, stop, over },
    };
  }

  /** Starts all tasks that may run, and sets the alarm for the next task. */
  #startDueTasks(): void {
    if (this.#isClosed) return;
    const now = this.#deps.clock.now();
    for (let machine = this.#readings.takeDue(now, this.#randomFraction()); machine !== undefined; ) {
      this.#submitQuery(machine);
      machine = this.#readings.takeDue(now, this.#randomFraction());
    }
    for (let task = this.#queue.takeOverdue(now); task !== undefined; task = this.#queue.takeOverdue(now)) {
      const { controller } = task;
      void this.#deliver(task, outcome('refused', { code: 'controller-busy', params: { controller } }));
    }
    for (let task = this.#queue.takeNext(); task !== undefined; task = this.#queue.takeNext()) void this.#begin(task);
    this.#alarm.expect(this.#readings.nextAt);
    this.#alarm.expect(this.#queue.nextOverdueAt);
  }

  #submitQuery(machine: string): void {
    const target = this.#targets.get(machine);
    if (target === undefined) return;
    const task = this.#createTask(this.#nextQueryId(), target, { kind: 'query' });
    // A refused submission means that the machine has a command. It is queried later.
    if (task.kind === 'task') this.#queue.submit(task.task, this.#deps.clock.now());
    else this.#recordAnswer(machine, outcome('refused', task.why));
  }

  #nextQueryId(): string {
    this.#queryCount += 1;
    return `question ${this.#queryCount}`;
  }

  #resolveAnswer(machine: string, answer: PowerOutcome): void {
    const pending = this.#pendingAnswers.get(machine);
    this.#pendingAnswers.delete(machine);
    pending?.resolve(answer);
  }

  async #begin(task: Task): Promise<void> {
    const { clock, mayStep } = this.#deps;
    const { id, command } = task;
    this.#running.set(id, task);
    if (command.kind !== 'query' && !(await this.#record(task, command))) return;
    let hasFinished = false;
    const finish = async (result: PowerOutcome): Promise<void> => {
      if (hasFinished) return;
      hasFinished = true;
      deadline.cancel();
      this.#queue.finish(task);
      // A driver that closing has stopped cannot say how far its command got.
      const isStopped = this.#isClosed && task.stop.signal.aborted && result.kind !== 'done';
      await this.#deliver(task, isStopped && !task.isQuery ? INTERRUPTED : result);
      this.#removeTask(task);
    };
    const limitMs = COMMAND_MS_MAX[command.kind];
    const deadline = clock.schedule(limitMs, () => {
      task.stop.abort();
      const params = { seconds: limitMs / 1000 };
      void finish(outcome(task.isQuery ? 'unreachable' : 'unknown', { code: 'no-end', params }));
    });
    performCommand(task.port, command, { clock, signal: task.stop.signal, mayStep }).then(finish, (error: unknown) =>
      finish(outcome('unknown', { code: 'driver-bug', params: { said: cleanWords(errorText(error)) } })),
    );
  }

  /**
   * Records a command before its driver is called. @returns false if the command must not be
   * carried out: the ledger knows it already, or cannot record it
   */
  async #record(task: Task, command: LedgerEntry['command']): Promise<boolean> {
    const { ledger, clock } = this.#deps;
    const { id, machine } = task;
    try {
      const ledgerEntry = await ledger.begin({ id, machine, command, begunAtMs: clock.wallTimeMs() });
      const isMaybeRecorded = this.#maybeRecorded.get(machine) === id;
      this.#maybeRecorded.delete(machine);
      if (ledgerEntry === undefined || (isMaybeRecorded && ledgerEntry.end === undefined)) return true;
      this.#queue.finish(task);
      // A command without an end is reported by the running task or `recover`.
      if (ledgerEntry.end !== undefined) {
        await this.#deps.onEnd({
          id,
          machine,
          command: ledgerEntry.command,
          outcome: ledgerEntry.end.outcome,
          wasRecordedBefore: true,
          isRecorded: true,
        });
      }
    } catch (error) {
      this.#queue.finish(task);
      // The command has no end until the caller submits it again.
      const isTemporary = isStoreUnavailable(error);
      if (isTemporary && !(error instanceof NotOnDuty)) this.#maybeRecorded.set(machine, id);
      const params = { said: cleanWords(errorText(error)) };
      if (!isTemporary) await this.#deliver(task, outcome('refused', { code: 'not-recorded', params }));
    }
    this.#removeTask(task);
    return false;
  }

  #removeTask(task: Task): void {
    this.#running.delete(task.id);
    task.over.resolve();
    this.#startDueTasks();
  }

  async #deliver(task: Task, result: PowerOutcome): Promise<void> {
    const { machine, id, command } = task;
    if (command.kind === 'query') this.#recordAnswer(machine, result);
    else await this.#end({ id, machine, command, outcome: result });
  }

  #recordAnswer(machine: string, answer: PowerOutcome): void {
    this.#changeReading(machine, () =>
      this.#readings.recordAnswer(machine, answer, this.#deps.clock.now(), this.#randomFraction()),
    );
    this.#resolveAnswer(machine, answer);
  }

  async #end(ended: EndedCommand): Promise<void> {
    const { ledger, clock, onEnd } = this.#deps;
    const wasOff = this.#readings.get(ended.machine)?.state === 'off';
    this.#changeReading(ended.machine, () =>
      this.#readings.recordCommandEnd(ended.machine, ended.outcome, clock.now()),
    );
    let isRecorded = false;
    try {
      isRecorded = await ledger.end(ended.id, ended.outcome, clock.wallTimeMs());
      // Another process has found an end, and reports it.
      if (!isRecorded) return;
    } catch {
      // The store is unavailable. Report anyway: the caller keeps the end until the ledger has it.
    }
    await onEnd({ ...ended, isRecorded, ...(wasOff ? { wasOff } : {}) });
  }

  #changeReading(machine: string, change: () => void): void {
    const previousReading = this.#readings.get(machine);
    change();
    const currentReading = this.#readings.get(machine);
    if (currentReading === undefined) return;
    const hasChanged =
      currentReading.state !== previousReading?.state || currentReading.failure?.kind !== previousReading.failure?.kind;
    if (hasChanged) this.#deps.onReading(machine, currentReading);
  }

  #randomFraction(): number {
    return (this.#deps.clock.randomBytes(1)[0] ?? 0) / 256;
  }
}

const INTERRUPTED = outcome('unknown', { code: 'interrupted', params: {} });
const STOPPING: PowerDetail = { code: 'stopping', params: {} };
const busyWithCommand = ({ kind: command }: PowerCommand): PowerDetail => ({
  code: 'other-command',
  params: { command },
});

function isSameTarget(one: PowerTarget, other: PowerTarget): boolean {
  const names = Object.keys(one.values);
  return (
    one.driver === other.driver &&
    names.length === Object.keys(other.values).length &&
    names.every((name) => one.values[name] === other.values[name])
  );
}
