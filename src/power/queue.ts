// The queue of power commands and queries. No clock, no process.
//
//   submit ─► waiting ─ takeNext ─► running ─ finish ─► gone
//                └─ takeOverdue, or a command replaces a query ─► gone
//
// 1. A controller has one task running at a time; a machine has at most one command, waiting or running.
// 2. Commands go before queries, each in the order of arrival. A busy controller delays no other.
// 3. At most RUNNING_MAX tasks run, QUESTIONS_RUNNING_MAX of them queries; at most COMMANDS_MAX
//    commands and QUESTIONS_MAX queries wait, each for at most WAITING_MS_MAX.

import { type Instant, later } from '../ground/clock.ts';

export const RUNNING_MAX = 16;
/** The rest of RUNNING_MAX is for commands: queries to absent controllers take long. */
export const QUESTIONS_RUNNING_MAX = 8;
export const COMMANDS_MAX = 4096;
export const QUESTIONS_MAX = 4096;
/** How long a task may wait, in milliseconds. */
export const WAITING_MS_MAX = 600_000;

export interface PowerTask {
  readonly id: string;
  readonly machine: string;
  readonly controller: string;
  /** A query, which changes nothing and may be dropped. */
  readonly isQuestion: boolean;
}

type Admission<T> =
  /** `dropped`: the query that it replaced. */
  | { readonly kind: 'waiting'; readonly dropped?: T }
  /** `by`: the earlier task. */
  | { readonly kind: 'busy'; readonly by: T }
  | { readonly kind: 'full' };

interface Place<T> {
  readonly task: T;
  readonly until: Instant;
}

export class PowerQueue<T extends PowerTask> {
  readonly #commands = new Map<string, Place<T>>();
  readonly #questions = new Map<string, Place<T>>();
  readonly #running = new Map<string, T>();
  readonly #busyControllers = new Set<string>();
  #questionsRunning = 0;
  readonly #commandOf = new Map<string, T>();
  readonly #questionOf = new Map<string, T>();

  /** Undefined if none waits. */
  get nextOverdueAt(): Instant | undefined {
    const [command] = this.#commands.values();
    const [question] = this.#questions.values();
    if (command === undefined || question === undefined) return (command ?? question)?.until;
    return command.until < question.until ? command.until : question.until;
  }

  commandOf(machine: string): T | undefined {
    return this.#commandOf.get(machine);
  }

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
    // Leave a running query alone: its controller is busy until it ends.
    if (question === undefined || !this.#questions.has(question.id)) return { kind: 'waiting' };
    this.#remove(question);
    return { kind: 'waiting', dropped: question };
  }

  /** Marks the next task as running; undefined if none may run. */
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

  /** Undefined if none waited too long. */
  takeOverdue(now: Instant): T | undefined {
    for (const waiting of [this.#commands, this.#questions]) {
      const [first] = waiting.values();
      if (first === undefined || first.until > now) continue;
      this.#remove(first.task);
      return first.task;
    }
    return undefined;
  }

  /** @returns false if no such command waits */
  withdraw(id: string): boolean {
    const place = this.#commands.get(id);
    if (place !== undefined) this.#remove(place.task);
    return place !== undefined;
  }

  finish(task: T): void {
    if (!this.#running.delete(task.id)) return;
    this.#busyControllers.delete(task.controller);
    if (task.isQuestion) this.#questionsRunning -= 1;
    this.#remove(task);
  }

  clear(): void {
    for (const waiting of [this.#commands, this.#questions])
      for (const { task } of [...waiting.values()]) this.#remove(task);
  }

  #nextQuestion(): T | undefined {
    return this.#questionsRunning < QUESTIONS_RUNNING_MAX ? this.#firstFree(this.#questions) : undefined;
  }

  #firstFree(waiting: ReadonlyMap<string, Place<T>>): T | undefined {
    for (const { task } of waiting.values()) if (!this.#busyControllers.has(task.controller)) return task;
    return undefined;
  }

  #remove(task: T): void {
    this.#commands.delete(task.id);
    this.#questions.delete(task.id);
    const index = task.isQuestion ? this.#questionOf : this.#commandOf;
    if (index.get(task.machine)?.id === task.id) index.delete(task.machine);
  }
}
