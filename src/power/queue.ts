// Who may ask which controller when: commands and questions that wait, and those that run. No clock, no process.
//
//   submit ─► waiting ─ takeNext ─► running ─ finish ─► gone
//                └─ takeOverdue, or a command in the place of a question ─► gone
//
// 1. Of one controller one thing is asked at a time; of one machine at most one command is known, waiting or running.
// 2. Commands go before questions; among their like the first come goes first. A controller that is busy holds up nobody else.
// 3. RUNNING_MAX run, of them QUESTIONS_RUNNING_MAX questions; COMMANDS_MAX commands and QUESTIONS_MAX questions wait, each
//    WAITING_MS_MAX at the most.

import { type Instant, later } from '../clock.ts';

export const RUNNING_MAX = 16;
/** The rest of RUNNING_MAX is kept for commands: questions to controllers that are gone take long. */
export const QUESTIONS_RUNNING_MAX = 8;
export const COMMANDS_MAX = 4096;
export const QUESTIONS_MAX = 4096;
/** How long something may wait for its turn, in milliseconds. */
export const WAITING_MS_MAX = 600_000;

/** Something to ask of a controller. */
export interface PowerTask {
  /** Its name; no two in the queue have the same. */
  readonly id: string;
  readonly machine: string;
  /** What one thing is asked of at a time. */
  readonly controller: string;
  /** True: nothing changes by it, so that it may be dropped. */
  readonly isQuestion: boolean;
}

/** What became of what was submitted. */
export type Admission<T> =
  | { readonly kind: 'waiting' /** A question that was dropped for it. */; readonly dropped?: T }
  | { readonly kind: 'busy' /** What the machine waits for already. */; readonly by: T }
  | { readonly kind: 'full' };

interface Place<T> {
  readonly task: T;
  readonly until: Instant;
}

/** The queue. */
export class PowerQueue<T extends PowerTask> {
  readonly #commands = new Map<string, Place<T>>();
  readonly #questions = new Map<string, Place<T>>();
  readonly #running = new Map<string, T>();
  readonly #busyControllers = new Set<string>();
  #questionsRunning = 0;
  /** By machine: its command, and its question. */
  readonly #commandOf = new Map<string, T>();
  readonly #questionOf = new Map<string, T>();

  get waiting(): number {
    return this.#commands.size + this.#questions.size;
  }

  get running(): number {
    return this.#running.size;
  }

  /** When the first of those that wait has waited long enough; undefined: none waits. */
  get nextOverdueAt(): Instant | undefined {
    const [command] = this.#commands.values();
    const [question] = this.#questions.values();
    if (command === undefined || question === undefined) return (command ?? question)?.until;
    return command.until < question.until ? command.until : question.until;
  }

  /** The command of a machine that waits or runs. */
  commandOf(machine: string): T | undefined {
    return this.#commandOf.get(machine);
  }

  /** Takes something in, or says why not. */
  submit(task: T, now: Instant): Admission<T> {
    const command = this.#commandOf.get(task.machine);
    if (command !== undefined) return { kind: 'busy', by: command };
    const question = this.#questionOf.get(task.machine);
    const place: Place<T> = { task, until: later(now, WAITING_MS_MAX) };
    if (task.isQuestion) {
      if (question !== undefined) return { kind: 'busy', by: question };
      if (this.#questions.size >= QUESTIONS_MAX) return { kind: 'full' };
      this.#questions.set(task.id, place);
      this.#questionOf.set(task.machine, task);
      return { kind: 'waiting' };
    }
    if (this.#commands.size >= COMMANDS_MAX) return { kind: 'full' };
    this.#commands.set(task.id, place);
    this.#commandOf.set(task.machine, task);
    // A question that runs already is let be: its controller is busy until it ends.
    if (question === undefined || !this.#questions.has(question.id)) return { kind: 'waiting' };
    this.#forget(question);
    return { kind: 'waiting', dropped: question };
  }

  /** The next that may run, which runs from now on; undefined: none may at the moment. */
  takeNext(): T | undefined {
    if (this.#running.size >= RUNNING_MAX) return undefined;
    const next = this.#firstFree(this.#commands) ?? this.#nextQuestion();
    if (next === undefined) return undefined;
    this.#commands.delete(next.id);
    this.#questions.delete(next.id);
    this.#running.set(next.id, next);
    this.#busyControllers.add(next.controller);
    if (next.isQuestion) this.#questionsRunning += 1;
    return next;
  }

  /** The first that has waited too long, which is gone from now on; undefined: there is none. */
  takeOverdue(now: Instant): T | undefined {
    for (const waiting of [this.#commands, this.#questions]) {
      const [first] = waiting.values();
      if (first === undefined || first.until > now) continue;
      this.#forget(first.task);
      return first.task;
    }
    return undefined;
  }

  /** Takes out a command that waits. False: there is none of this name that does. */
  withdraw(id: string): boolean {
    const place = this.#commands.get(id);
    if (place !== undefined) this.#forget(place.task);
    return place !== undefined;
  }

  /** What ran has ended. */
  finish(task: T): void {
    if (!this.#running.delete(task.id)) return;
    this.#busyControllers.delete(task.controller);
    if (task.isQuestion) this.#questionsRunning -= 1;
    this.#forget(task);
  }

  /** Takes out everything that waits. @returns it */
  clear(): readonly T[] {
    const waiting = [...this.#commands.values(), ...this.#questions.values()].map(({ task }) => task);
    for (const task of waiting) this.#forget(task);
    return waiting;
  }

  #nextQuestion(): T | undefined {
    return this.#questionsRunning < QUESTIONS_RUNNING_MAX ? this.#firstFree(this.#questions) : undefined;
  }

  #firstFree(waiting: ReadonlyMap<string, Place<T>>): T | undefined {
    for (const { task } of waiting.values()) if (!this.#busyControllers.has(task.controller)) return task;
    return undefined;
  }

  #forget(task: T): void {
    this.#commands.delete(task.id);
    this.#questions.delete(task.id);
    const index = task.isQuestion ? this.#questionOf : this.#commandOf;
    if (index.get(task.machine)?.id === task.id) index.delete(task.machine);
  }
}
