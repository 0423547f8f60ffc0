// The common part of our loads: settings, CPU measurement of both sides, and the output of figures.

import { type Ipv4, parseIpv4 } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import type { Figure } from './figure.ts';
import { cpuSecondsOf, idleSecondsOf } from './process-cpu.ts';
import { readCpuSeconds } from './server-cpu.ts';

/** The settings that `ground.ts` adds to those of a load. */
interface LoadSettings {
  readonly serverPids: readonly number[];
  /** A descriptor of the server's CPU time counter, threads and children included; undefined to add up `serverPids`. */
  readonly serverCpuFd?: number | undefined;
  /** When the server was started, in milliseconds since 1970. */
  readonly serverStartedWallMs?: number | undefined;
  readonly serverCore?: number | undefined;
  readonly loadCore?: number | undefined;
}

/** The settings this load was started with. */
export function readSettings<T extends object>(): T & LoadSettings {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** Reports the figures to `ground.ts`, and ends the load. */
export function finishLoad(figures: readonly Figure[]): never {
  console.log(`\n${JSON.stringify(figures)}`);
  process.exit(0);
}

/** CPU seconds that the server has used so far. */
export function serverCpuSeconds(settings: LoadSettings): number {
  if (settings.serverCpuFd !== undefined) return readCpuSeconds(settings.serverCpuFd);
  return settings.serverPids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
}

/** Time and CPU time of a span. */
export interface SpanResult {
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  /** Cores that this load kept busy on average. */
  readonly loadCores: number;
  /** The shares of the time in which the server's core and this load's core were idle. */
  readonly serverIdle: number;
  readonly loadIdle: number;
}

/** Measures time and CPU time from construction on. */
export class Span {
  readonly #settings: LoadSettings;
  readonly #startedAt = systemClock.now();
  readonly #serverCpu: number;
  readonly #ownCpu = cpuSecondsOf('self');
  readonly #idle: readonly [number, number];

  constructor(settings: LoadSettings) {
    this.#settings = settings;
    this.#serverCpu = serverCpuSeconds(settings);
    this.#idle = this.#idleSeconds();
  }

  end(): SpanResult {
    const seconds = (systemClock.now() - this.#startedAt) / 1000;
    const [server, load] = this.#idleSeconds();
    const share = (idleSeconds: number): number => Math.min(1, idleSeconds / seconds);
    return {
      seconds,
      serverCpuSeconds: serverCpuSeconds(this.#settings) - this.#serverCpu,
      loadCores: (cpuSecondsOf('self') - this.#ownCpu) / seconds,
      serverIdle: share(server - this.#idle[0]),
      loadIdle: share(load - this.#idle[1]),
    };
  }

  #idleSeconds(): readonly [number, number] {
    const { serverCore = 0, loadCore = 0 } = this.#settings;
    return [idleSecondsOf(serverCore), idleSecondsOf(loadCore)];
  }
}

/** @throws Error if the text of a setting is not an IPv4 address */
export function addressOf(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
}
