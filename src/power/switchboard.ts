// Everything that switches machines, and asks whether they are on: takes commands, asks controllers in turn, keeps the book, and
// tells what came of each.
//
//   command ─► ledger: known? ─► queue ─► ledger.begin ─► driver, within its time ─► ledger.end ─► onEnd
//   readings: due ─► queue ─► driver ─► readings
//
// 1. A command runs once: its id is in the ledger before the driver is asked, and an id that is there is never run.
// 2. Every command that was begun has an end, told by onEnd; if the process died before it, by `recover`. One that was taken and not
//    begun when the process ended is in no book: whoever gave it gives it again, with the same id.
// 3. A driver that does not end is left behind at its deadline, with `unknown`; its controller is free again from then on.

import { Alarm } from '../deadline-queue.ts';
import { errorText } from '../errors.ts';
import { COMMAND_MS_MAX, type PowerCommand, performCommand } from './command.ts';
import type { PowerDriver, PowerPort, PowerSurroundings } from './driver.ts';
import type { LedgerEntry, PowerLedger } from './ledger.ts';
import { cleanWords, outcome, type PowerOutcome } from './outcome.ts';
import type { PowerValues } from './parameters.ts';
import { PowerQueue, type PowerTask } from './queue.ts';
import { type PowerReading, PowerReadings } from './readings.ts';

/** How a machine is switched. */
export interface PowerTarget {
  /** Its system id. */
  readonly machine: string;
  /** `power_type`. */
  readonly driver: string;
  /** `power_parameters`. */
  readonly values: PowerValues;
}

/** What became of a command that was given: taken, or not, in words for whoever gave it. */
export type Submission =
  | { readonly kind: 'taken' }
  | { readonly kind: 'busy'; readonly by: string; readonly text: string }
  | { readonly kind: 'known'; readonly entry: LedgerEntry }
  | { readonly kind: 'refused'; readonly text: string }
  /** Nothing speaks against it but the moment: it may be given again. */
  | { readonly kind: 'not-now'; readonly text: string };

/** A command that is over. */
export interface EndedCommand {
  readonly id: string;
  readonly machine: string;
  readonly command: LedgerEntry['command'];
  readonly outcome: PowerOutcome;
  /** True: the machine was seen off before, and not on since. */
  readonly wasOff?: boolean;
}

/** What a switchboard works with. */
export interface SwitchboardParts extends PowerSurroundings {
  readonly findDriver: (name: string) => PowerDriver | undefined;
  readonly ledger: PowerLedger;
  /** Told of the end of each command. */
  readonly onEnd: (ended: EndedCommand) => void;
  /** Told when a state was seen that is another than the one before, and when questions begin to fail or do so no more. */
  readonly onReading: (machine: string, reading: PowerReading) => void;
}

interface Task extends PowerTask {
  readonly port: PowerPort;
  readonly command: PowerCommand;
  readonly stop: AbortController;
  /** Resolved when it has ended. */
  readonly over: PromiseWithResolvers<void>;
}

/** The switchboard of one region. */
export class PowerSwitchboard {
  readonly #parts: SwitchboardParts;
  readonly #queue = new PowerQueue<Task>();
  readonly #readings = new PowerReadings();
  readonly #targets = new Map<string, PowerTarget>();
  readonly #running = new Map<string, Task>();
  /** Those who wait for the next answer about a machine. */
  readonly #askers = new Map<string, PromiseWithResolvers<PowerOutcome>>();
  readonly #alarm: Alarm;
  #questions = 0;
  #isClosed = false;

  constructor(parts: SwitchboardParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#turn());
  }

  /** Ends, as `unknown`, what was under way when the process died. Before anything else is asked. */
  recover(): void {
    for (const { id, machine, command } of this.#parts.ledger.listUnended()) {
      const lost = outcome('unknown', 'Rackboot was ended while this was under way; whether it was done is not known');
      this.#end({ id, machine, command, outcome: lost });
    }
  }

  /** Gives a command. Returns at once; its end is told by onEnd. @param id the same for the same command, for ever */
  command(id: string, target: PowerTarget, command: LedgerEntry['command']): Submission {
    if (this.#isClosed) return { kind: 'not-now', text: 'Rackboot is ending' };
    try {
      const entry = this.#parts.ledger.find(id);
      if (entry !== undefined) return { kind: 'known', entry };
    } catch (error) {
      return { kind: 'not-now', text: `the book of commands cannot be read: ${errorText(error)}` };
    }
    const task = this.#taskOf(id, target, command);
    if (task.kind === 'refused') return task;
    const admission = this.#queue.submit(task.task, this.#parts.clock.now());
    this.#turn();
    switch (admission.kind) {
      case 'waiting':
        if (admission.dropped !== undefined) this.#settle(target.machine, outcome('refused', underCommand(command)));
        return { kind: 'taken' };
      case 'busy': {
        const { by } = admission;
        if (by.id === id) return { kind: 'taken' };
        return { kind: 'busy', by: by.id, text: underCommand(by.command) };
      }
      case 'full':
        return { kind: 'not-now', text: 'too many commands wait for their controllers; try again later' };
    }
  }

  /** The command of a machine that waits or is under way; undefined: none. */
  commandOf(machine: string): string | undefined {
    return this.#queue.commandOf(machine)?.id;
  }

  /** Takes back a command that has not begun: it has no end. False: it has begun, or there is none. */
  withdraw(id: string): boolean {
    return this.#queue.withdraw(id);
  }

  /** Asks about a machine out of its turn. Those who ask at the same time have the same answer. Never throws. */
  async ask(target: PowerTarget): Promise<PowerOutcome> {
    if (this.#isClosed) return outcome('unreachable', 'Rackboot is ending');
    const { machine } = target;
    const others = this.#askers.get(machine);
    if (others !== undefined) return others.promise;
    const task = this.#taskOf(this.#nextQuestion(), target, { kind: 'query' });
    if (task.kind === 'refused') return outcome('refused', task.text);
    const admission = this.#queue.submit(task.task, this.#parts.clock.now());
    if (admission.kind === 'full') return outcome('refused', 'too many questions wait; ask again later');
    if (admission.kind === 'busy' && !admission.by.isQuestion) {
      return outcome('refused', underCommand(admission.by.command));
    }
    const asker = Promise.withResolvers<PowerOutcome>();
    this.#askers.set(machine, asker);
    this.#turn();
    return asker.promise;
  }

  /**
   * Watches a machine from now on; one whose driver or parameters changed is begun anew, and what waits to be asked of them is taken
   * back. Undefined: it is watched no more.
   */
  watch(machine: string, target: PowerTarget | undefined): void {
    const { clock, findDriver } = this.#parts;
    const before = this.#targets.get(machine);
    if (before !== undefined && target !== undefined && isSame(before, target)) return;
    const waiting = before === undefined ? undefined : this.commandOf(machine);
    if (waiting !== undefined) this.withdraw(waiting);
    this.#targets.delete(machine);
    this.#readings.forget(machine);
    if (target === undefined || findDriver(target.driver)?.byHand !== false) return;
    this.#targets.set(machine, target);
    this.#readings.watch(machine, clock.now(), this.#chance());
    this.#turn();
  }

  /** What is known of a machine's power; undefined: it is not watched. */
  reading(machine: string): PowerReading | undefined {
    return this.#readings.get(machine);
  }

  /**
   * Begins nothing more; what waits is forgotten. Commands that run may end within `graceMs`, and are stopped then. Done when all of that
   * has been told its end.
   */
  async close(graceMs = 0): Promise<void> {
    this.#isClosed = true;
    this.#alarm.cancel();
    this.#queue.clear();
    for (const machine of [...this.#askers.keys()]) this.#settle(machine, outcome('unreachable', 'Rackboot is ending'));
    const running = [...this.#running.values()];
    const stop = (task: Task): void => task.stop.abort();
    running.filter(({ isQuestion }) => graceMs === 0 || isQuestion).forEach(stop);
    const late = this.#parts.clock.schedule(graceMs, () => running.forEach(stop));
    await Promise.all(running.map(({ over }) => over.promise));
    late.cancel();
  }

  #taskOf(
    id: string,
    target: PowerTarget,
    command: PowerCommand,
  ): { readonly kind: 'task'; readonly task: Task } | { readonly kind: 'refused'; readonly text: string } {
    const driver = this.#parts.findDriver(target.driver);
    if (driver === undefined) {
      const name = cleanWords(target.driver) || 'none';
      return { kind: 'refused', text: `there is no power driver ${name}: give the machine a power_type` };
    }
    const opened = driver.open(target.machine, target.values, this.#parts);
    if (opened.kind === 'bad-parameters') {
      return { kind: 'refused', text: `power_parameters: ${opened.problems.join('; ')}` };
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

  /** Does what can be done now, and sets the alarm for what comes next. */
  #turn(): void {
    if (this.#isClosed) return;
    const now = this.#parts.clock.now();
    for (let machine = this.#readings.takeDue(now, this.#chance()); machine !== undefined; ) {
      this.#ask(machine);
      machine = this.#readings.takeDue(now, this.#chance());
    }
    for (let task = this.#queue.takeOverdue(now); task !== undefined; task = this.#queue.takeOverdue(now)) {
      this.#tell(task, outcome('refused', `its controller was busy with others for too long: ${task.controller}`));
    }
    for (let task = this.#queue.takeNext(); task !== undefined; task = this.#queue.takeNext()) this.#begin(task);
    this.#alarm.expect(this.#readings.nextAt);
    this.#alarm.expect(this.#queue.nextOverdueAt);
  }

  #ask(machine: string): void {
    const target = this.#targets.get(machine);
    if (target === undefined) return;
    const task = this.#taskOf(this.#nextQuestion(), target, { kind: 'query' });
    // Not taken: the machine is under a command, and is asked about when its turn comes again.
    if (task.kind === 'task') this.#queue.submit(task.task, this.#parts.clock.now());
    else this.#answered(machine, outcome('refused', task.text));
  }

  #nextQuestion(): string {
    this.#questions += 1;
    return `question ${this.#questions}`;
  }

  #settle(machine: string, answer: PowerOutcome): void {
    const asker = this.#askers.get(machine);
    this.#askers.delete(machine);
    asker?.resolve(answer);
  }

  #begin(task: Task): void {
    const { ledger, clock } = this.#parts;
    const { id, machine, command } = task;
    if (command.kind !== 'query') {
      try {
        ledger.begin({ id, machine, command, begunAtMs: clock.wallTimeMs() });
      } catch (error) {
        this.#queue.finish(task);
        this.#tell(task, outcome('refused', `not done, for it could not be written down first: ${errorText(error)}`));
        return;
      }
    }
    this.#running.set(id, task);
    let isOver = false;
    const over = (result: PowerOutcome): void => {
      if (isOver) return;
      isOver = true;
      deadline.cancel();
      this.#running.delete(id);
      this.#queue.finish(task);
      this.#tell(task, result);
      task.over.resolve();
      this.#turn();
    };
    const limitMs = COMMAND_MS_MAX[command.kind];
    const deadline = clock.schedule(limitMs, () => {
      task.stop.abort();
      over(outcome(task.isQuestion ? 'unreachable' : 'unknown', `no end within ${limitMs / 1000} s`));
    });
    performCommand(task.port, command, { clock, signal: task.stop.signal }).then(over, (error: unknown) =>
      over(outcome('unknown', `a bug of the driver: ${errorText(error)}`)),
    );
  }

  #tell(task: Task, result: PowerOutcome): void {
    const { machine, id, command } = task;
    if (command.kind === 'query') this.#answered(machine, result);
    else this.#end({ id, machine, command, outcome: result });
  }

  #answered(machine: string, answer: PowerOutcome): void {
    this.#changeReading(machine, () =>
      this.#readings.answered(machine, answer, this.#parts.clock.now(), this.#chance()),
    );
    this.#settle(machine, answer);
  }

  #end(ended: EndedCommand): void {
    const { ledger, clock, onEnd } = this.#parts;
    try {
      if (ledger.find(ended.id) !== undefined) ledger.end(ended.id, ended.outcome, clock.wallTimeMs());
    } catch {
      // The store is away: after a restart this command ends a second time, as unknown. It is told now all the same.
    }
    const wasOff = this.#readings.get(ended.machine)?.state === 'off';
    this.#changeReading(ended.machine, () => this.#readings.commanded(ended.machine, ended.outcome, clock.now()));
    onEnd(wasOff ? { ...ended, wasOff } : ended);
  }

  #changeReading(machine: string, change: () => void): void {
    const before = this.#readings.get(machine);
    change();
    const after = this.#readings.get(machine);
    if (after === undefined) return;
    const isOther = after.state !== before?.state || after.failure?.kind !== before.failure?.kind;
    if (isOther) this.#parts.onReading(machine, after);
  }

  #chance(): number {
    return (this.#parts.clock.randomBytes(1)[0] ?? 0) / 256;
  }
}

const underCommand = ({ kind }: PowerCommand): string => `the machine is under another command: ${kind}`;

function isSame(one: PowerTarget, other: PowerTarget): boolean {
  const names = Object.keys(one.values);
  return (
    one.driver === other.driver &&
    names.length === Object.keys(other.values).length &&
    names.every((name) => one.values[name] === other.values[name])
  );
}
