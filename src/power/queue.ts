// The queue of power commands and queries. No clock, no process.
//
//   submit ─► waiting ─ takeNext ─► running ─ finish ─► gone
//                └─ takeOverdue, or a command replaces a query ─► gone
//
// 1. A controller has one task running at a time; a machine has at most one command, waiting or running.
// 2. Commands go before queries, each in the order of arrival. A busy controller delays no other.
// 3. At most RUNNING_MAX tasks run, of which at most QUERIES_RUNNING_MAX are queries. At most
//    COMMANDS_MAX commands and POWER_QUERIES_MAX queries wait, each for at most WAITING_MS_MAX.

import { type Instant, later } from '../ground/clock.ts';

export const RUNNING_MAX = 16;
/** The rest of RUNNING_MAX is for commands: queries to absent controllers take long. */
export const QUERIES_RUNNING_MAX = 8;
export const COMMANDS_MAX = 4096;
export const POWER_QUERIES_MAX = 4096;
/** How long a task may wait, in milliseconds. */
export const WAITING_MS_MAX = 600_000;

export interface PowerTask {
  readonly id: string;
  readonly machine: string;
  readonly controller: string;
  /** A query, which changes nothing and may be dropped. */
  readonly isQuery: boolean;
}

type Admission<T> =
  /** `dropped` is the query that the command replaced. */
  | { readonly kind: 'waiting'; readonly dropped?: T }
  /** `by` is the earlier task of the machine. */
  | { readonly kind: 'busy'; readonly by: T }
  | { readonly kind: 'full' };

interface WaitingTask<T> {
  readonly task: T;
  readonly deadline: Instant;
}

export class PowerQueue<T extends PowerTask> {
  readonly #commands = new Map<string, WaitingTask<T>>();
  readonly #queries = new Map<string, WaitingTask<T>>();
  readonly #running = new Map<string, T>();
  readonly #busyControllers = new Set<string>();
  #queriesRunning = 0;
  readonly #commandByMachine = new Map<string, T>();
  readonly #queryByMachine = new Map<string, T>();

  /** When the next waiting task is overdue; undefined if none waits. */
  get nextOverdueAt(): Instant | undefined {
    const [command] = this.#commands.values();
    const [query] = this.#queries.values();
    if (command === undefined || query === undefined) return (command ?? query)?.deadline;
    return command.deadline < query.deadline ? command.deadline : query.deadline;
  }

  findCommand(machine: string): T | undefined {
    return this.#commandByMachine.get(machine);
  }

  submit(task: T, now: Instant): Admission<T> {
    const command = this.#commandByMachine.get(task.machine);
    if (command !== undefined) return { kind: 'busy', by: command };
    const query = this.#queryByMachine.get(task.machine);
    const waitingTask: WaitingTask<T> = { task, deadline: later(now, WAITING_MS_MAX) };
    if (task.isQuery) {
      if (query !== undefined) return { kind: 'busy', by: query };
      if (this.#queries.size >= POWER_QUERIES_MAX) return { kind: 'full' };
      this.#queries.set(task.id, waitingTask);
      this.#queryByMachine.set(task.machine, task);
      return { kind: 'waiting' };
    }
    if (this.#commands.size >= COMMANDS_MAX) return { kind: 'full' };
    this.#commands.set(task.id, waitingTask);
    this.#commandByMachine.set(task.machine, task);
    // Leave a running query alone: its controller is busy until it ends.
    if (query === undefined || !this.#queries.has(query.id)) return { kind: 'waiting' };
    this.#remove(query);
    return { kind: 'waiting', dropped: query };
  }

  /** Marks the next task as running; undefined if none may run. */
  takeNext(): T | undefined {
    if (this.#running.size >= RUNNING_MAX) return undefined;
    const next = this.#findStartable(this.#commands) ?? this.#nextQuery();
    if (next === undefined) return undefined;
    this.#commands.delete(next.id);
    this.#queries.delete(next.id);
    this.#running.set(next.id, next);
    this.#busyControllers.add(next.controller);
    if (next.isQuery) this.#queriesRunning += 1;
    return next;
  }

  /** Removes and returns a task that has waited too long; undefined if there is none. */
  takeOverdue(now: Instant): T | undefined {
    for (const waiting of [this.#commands, this.#queries]) {
      const [first] = waiting.values();
      if (first === undefined || first.deadline > now) continue;
      this.#remove(first.task);
      return first.task;
    }
    return undefined;
  }

  /** @returns false if no such command waits */
  withdraw(id: string): boolean {
    const waitingTask = this.#commands.get(id);
    if (waitingTask !== undefined) this.#remove(waitingTask.task);
    return waitingTask !== undefined;
  }

  finish(task: T): void {
    if (!this.#running.delete(task.id)) return;
    this.#busyControllers.delete(task.controller);
    if (task.isQuery) this.#queriesRunning -= 1;
    this.#remove(task);
  }

  clear(): void {
    for (const waiting of [this.#commands, this.#queries])
      for (const { task } of [...waiting.values()]) this.#remove(task);
  }

  #nextQuery(): T | undefined {
    return this.#queriesRunning < QUERIES_RUNNING_MAX ? this.#findStartable(this.#queries) : undefined;
  }

  #findStartable(waiting: ReadonlyMap<string, WaitingTask<T>>): T | undefined {
    for (const { task } of waiting.values()) if (!this.#busyControllers.has(task.controller)) return task;
    return undefined;
  }

  #remove(task: T): void {
    this.#commands.delete(task.id);
    this.#queries.delete(task.id);
    const index = task.isQuery ? this.#queryByMachine : this.#commandByMachine;
    if (index.get(task.machine)?.id === task.id) index.delete(task.machine);
  }
}
