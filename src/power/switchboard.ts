// Switches machines and queries their power, one task per controller at a time, with a ledger.
//
//   command ─► queue ─► ledger.begin: known? ─► driver, within its time ─► ledger.end ─► onEnd
//   readings: due ─► queue ─► driver ─► readings
//
// 1. A command runs once: its id is in the ledger before the driver is called.
// 2. Every started command has an end, by onEnd or, if the process died, by `recover`. One that had
//    not started is not in the ledger, and is given again with the same id.
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
  /** It may be given again. */
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
  readonly isKnown?: boolean;
  /** True if the ledger has this end. */
  readonly isRecorded?: boolean;
}

interface SwitchboardDeps extends PowerDeps {
  readonly findDriver: (name: string) => PowerDriver | undefined;
  readonly ledger: PowerLedger;
  /** True while this process may switch machines; undefined: always. */
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
   * By machine: the last command whose ledger write failed, perhaps only after it reached the disk.
   * Its driver was not called.
   */
  readonly #unclear = new Map<string, string>();
  readonly #alarm: Alarm;
  #questions = 0;
  #isClosed = false;

  constructor(deps: SwitchboardDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#turn());
  }

  /** Ends commands of the last process as `unknown`. Call first. @param among only these */
  async recover(among?: ReadonlySet<string>): Promise<void> {
    for (const { id, machine, command } of await this.#deps.ledger.listUnended()) {
      if (among !== undefined && !among.has(id)) continue;
      await this.#end({ id, machine, command, outcome: INTERRUPTED });
    }
  }

  /** Returns at once; onEnd reports its end. @param id always the same for the same command */
  command(id: string, target: PowerTarget, command: LedgerEntry['command']): Submission {
    if (this.#isClosed) return { kind: 'not-now' };
    const task = this.#taskOf(id, target, command);
    if (task.kind === 'refused') return task;
    const admission = this.#queue.submit(task.task, this.#deps.clock.now());
    this.#turn();
    switch (admission.kind) {
      case 'waiting':
        if (admission.dropped !== undefined) this.#settle(target.machine, outcome('refused', underCommand(command)));
        return { kind: 'taken' };
      case 'busy':
        return { kind: admission.by.id === id ? 'taken' : 'busy' };
      case 'full':
        return { kind: 'not-now' };
    }
  }

  commandOf(machine: string): string | undefined {
    return this.#queue.commandOf(machine)?.id;
  }

  /**
   * Withdraws a waiting command, which then has no end. @returns false if it has started or does
   * not exist
   */
  withdraw(id: string): boolean {
    return this.#queue.withdraw(id);
  }

  /** Concurrent callers share the answer. Never throws. */
  async ask(target: PowerTarget): Promise<PowerOutcome> {
    if (this.#isClosed) return outcome('unreachable', STOPPING);
    const { machine } = target;
    const others = this.#pendingAnswers.get(machine);
    if (others !== undefined) return others.promise;
    const task = this.#taskOf(this.#nextQuestion(), target, { kind: 'query' });
    if (task.kind === 'refused') return outcome('refused', task.why);
    const admission = this.#queue.submit(task.task, this.#deps.clock.now());
    if (admission.kind === 'full') return outcome('refused', { code: 'too-many-queries', params: {} });
    if (admission.kind === 'busy' && !admission.by.isQuestion) {
      return outcome('refused', underCommand(admission.by.command));
    }
    const pending = Promise.withResolvers<PowerOutcome>();
    this.#pendingAnswers.set(machine, pending);
    this.#turn();
    return pending.promise;
  }

  /**
   * Watches a machine. If driver or parameters have changed, the reading starts afresh, and a
   * waiting command is withdrawn. Undefined stops watching.
   */
  watch(machine: string, target: PowerTarget | undefined): void {
    const { clock, findDriver } = this.#deps;
    const before = this.#targets.get(machine);
    if (before !== undefined && target !== undefined && isSameTarget(before, target)) return;
    const waiting = before === undefined ? undefined : this.commandOf(machine);
    if (waiting !== undefined) this.withdraw(waiting);
    this.#targets.delete(machine);
    this.#readings.forget(machine);
    if (target === undefined || findDriver(target.driver)?.byHand !== false) return;
    this.#targets.set(machine, target);
    this.#readings.watch(machine, clock.now(), this.#chance());
    this.#turn();
  }

  look(machine: string): void {
    if (this.#isClosed) return;
    this.#ask(machine);
    this.#turn();
  }

  /** Undefined if it is not watched. */
  reading(machine: string): PowerReading | undefined {
    return this.#readings.get(machine);
  }

  /**
   * Starts nothing more, and drops waiting tasks. Running commands may end within `graceMs`, then
   * they are stopped. Resolves when all ends have been reported.
   */
  async close(graceMs = 0): Promise<void> {
    this.#isClosed = true;
    this.#alarm.cancel();
    this.#queue.clear();
    for (const machine of [...this.#pendingAnswers.keys()]) this.#settle(machine, outcome('unreachable', STOPPING));
    const running = [...this.#running.values()];
    const stop = (task: Task): void => task.stop.abort();
    running.filter(({ isQuestion }) => graceMs === 0 || isQuestion).forEach(stop);
    const late = this.#deps.clock.schedule(graceMs, () => running.forEach(stop));
    await Promise.all(running.map(({ over }) => over.promise));
    late.cancel();
  }

  #taskOf(
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
    const isQuestion = command.kind === 'query';
    const stop = new AbortController();
    const over = Promise.withResolvers<void>();
    return {
      kind: 'task',
      task: { id, machine, controller: port.controller, isQuestion, port, command, stop, over },
    };
  }

  /** Starts all tasks that may run, and sets the alarm for the next task. */
  #turn(): void {
    if (this.#isClosed) return;
    const now = this.#deps.clock.now();
    for (let machine = this.#readings.takeDue(now, this.#chance()); machine !== undefined; ) {
      this.#ask(machine);
      machine = this.#readings.takeDue(now, this.#chance());
    }
    for (let task = this.#queue.takeOverdue(now); task !== undefined; task = this.#queue.takeOverdue(now)) {
      const { controller } = task;
      void this.#deliver(task, outcome('refused', { code: 'controller-busy', params: { controller } }));
    }
    for (let task = this.#queue.takeNext(); task !== undefined; task = this.#queue.takeNext()) void this.#begin(task);
    this.#alarm.expect(this.#readings.nextAt);
    this.#alarm.expect(this.#queue.nextOverdueAt);
  }

  #ask(machine: string): void {
    const target = this.#targets.get(machine);
    if (target === undefined) return;
    const task = this.#taskOf(this.#nextQuestion(), target, { kind: 'query' });
    // If refused, the machine has a command, and is queried later.
    if (task.kind === 'task') this.#queue.submit(task.task, this.#deps.clock.now());
    else this.#answered(machine, outcome('refused', task.why));
  }

  #nextQuestion(): string {
    this.#questions += 1;
    return `question ${this.#questions}`;
  }

  #settle(machine: string, answer: PowerOutcome): void {
    const pending = this.#pendingAnswers.get(machine);
    this.#pendingAnswers.delete(machine);
    pending?.resolve(answer);
  }

  async #begin(task: Task): Promise<void> {
    const { clock, mayStep } = this.#deps;
    const { id, command } = task;
    this.#running.set(id, task);
    if (command.kind !== 'query' && !(await this.#record(task, command))) return;
    let isOver = false;
    const over = async (result: PowerOutcome): Promise<void> => {
      if (isOver) return;
      isOver = true;
      deadline.cancel();
      this.#queue.finish(task);
      // A driver that closing has stopped cannot say how far its command got.
      const isStopped = this.#isClosed && task.stop.signal.aborted && result.kind !== 'done';
      await this.#deliver(task, isStopped && !task.isQuestion ? INTERRUPTED : result);
      this.#leave(task);
    };
    const limitMs = COMMAND_MS_MAX[command.kind];
    const deadline = clock.schedule(limitMs, () => {
      task.stop.abort();
      const params = { seconds: limitMs / 1000 };
      void over(outcome(task.isQuestion ? 'unreachable' : 'unknown', { code: 'no-end', params }));
    });
    performCommand(task.port, command, { clock, signal: task.stop.signal, mayStep }).then(over, (error: unknown) =>
      over(outcome('unknown', { code: 'driver-bug', params: { said: cleanWords(errorText(error)) } })),
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
      const isUnclear = this.#unclear.get(machine) === id;
      this.#unclear.delete(machine);
      if (ledgerEntry === undefined || (isUnclear && ledgerEntry.end === undefined)) return true;
      this.#queue.finish(task);
      // A command without an end is reported by the running task or `recover`.
      if (ledgerEntry.end !== undefined) {
        await this.#deps.onEnd({
          id,
          machine,
          command: ledgerEntry.command,
          outcome: ledgerEntry.end.outcome,
          isKnown: true,
          isRecorded: true,
        });
      }
    } catch (error) {
      this.#queue.finish(task);
      // The command has no end until the caller gives it again.
      const isForNow = isStoreUnavailable(error);
      if (isForNow && !(error instanceof NotOnDuty)) this.#unclear.set(machine, id);
      const params = { said: cleanWords(errorText(error)) };
      if (!isForNow) await this.#deliver(task, outcome('refused', { code: 'not-recorded', params }));
    }
    this.#leave(task);
    return false;
  }

  #leave(task: Task): void {
    this.#running.delete(task.id);
    task.over.resolve();
    this.#turn();
  }

  async #deliver(task: Task, result: PowerOutcome): Promise<void> {
    const { machine, id, command } = task;
    if (command.kind === 'query') this.#answered(machine, result);
    else await this.#end({ id, machine, command, outcome: result });
  }

  #answered(machine: string, answer: PowerOutcome): void {
    this.#changeReading(machine, () =>
      this.#readings.answered(machine, answer, this.#deps.clock.now(), this.#chance()),
    );
    this.#settle(machine, answer);
  }

  async #end(ended: EndedCommand): Promise<void> {
    const { ledger, clock, onEnd } = this.#deps;
    const wasOff = this.#readings.get(ended.machine)?.state === 'off';
    this.#changeReading(ended.machine, () => this.#readings.commanded(ended.machine, ended.outcome, clock.now()));
    let isRecorded = false;
    try {
      isRecorded = await ledger.end(ended.id, ended.outcome, clock.wallTimeMs());
      // Another process has found an end, and reports it.
      if (!isRecorded) return;
    } catch {
      // The store is unavailable. Report anyway: the caller keeps it until the ledger has it.
    }
    await onEnd({ ...ended, isRecorded, ...(wasOff ? { wasOff } : {}) });
  }

  #changeReading(machine: string, change: () => void): void {
    const before = this.#readings.get(machine);
    change();
    const after = this.#readings.get(machine);
    if (after === undefined) return;
    const isOther = after.state !== before?.state || after.failure?.kind !== before.failure?.kind;
    if (isOther) this.#deps.onReading(machine, after);
  }

  #chance(): number {
    return (this.#deps.clock.randomBytes(1)[0] ?? 0) / 256;
  }
}

const INTERRUPTED = outcome('unknown', { code: 'interrupted', params: {} });
const STOPPING: PowerDetail = { code: 'stopping', params: {} };
const underCommand = ({ kind: command }: PowerCommand): PowerDetail => ({ code: 'other-command', params: { command } });

function isSameTarget(one: PowerTarget, other: PowerTarget): boolean {
  const names = Object.keys(one.values);
  return (
    one.driver === other.driver &&
    names.length === Object.keys(other.values).length &&
    names.every((name) => one.values[name] === other.values[name])
  );
}
