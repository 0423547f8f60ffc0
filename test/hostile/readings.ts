// The rack's readings during an attack: its metrics, and the kernel's figures of its sockets.

import { type Family, parseExposition } from '../support/exposition.ts';

/** One look at the rack. */
export class Readings {
  readonly #families: ReadonlyMap<string, Family>;
  readonly #udp: string;
  readonly #tcp: string;
  /** Frames that came to the rack from the wire. */
  readonly frames: number;

  /** @param metrics empty: they cannot be read, @param udp what `ss -uanmOH` says, @param tcp what `ss -tanOH` says, each in the rack's namespace */
  constructor(metrics: string, udp: string, tcp: string, frames: number) {
    this.#families = metrics === '' ? new Map() : parseExposition(metrics);
    this.#udp = udp;
    this.#tcp = tcp;
    this.frames = frames;
  }

  /** The sum of a metric's samples that have these labels; NaN, of which nothing is true, while the metrics cannot be read. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    if (this.#families.size === 0) return Number.NaN;
    const family = this.#families.get(name);
    if (family === undefined) throw new Error(`no metric ${name}`);
    return family.samples
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The part in use of the fullest send buffer of a UDP port. */
  sendBufferShare(port: number): number {
    const shares = this.#udp
      .split('\n')
      .filter((line) => line.includes(`:${port} `))
      .map((line) => /skmem:\(.*?,t(\d+),tb(\d+),/.exec(line))
      .map((found) => Number(found?.[1] ?? 0) / Number(found?.[2] ?? 1));
    return Math.max(0, ...shares);
  }

  /** Connections to a TCP port of the rack, those that wait to be served included. */
  connections(port: number): number {
    return this.#tcp
      .split('\n')
      .filter((line) => line.startsWith('ESTAB') && line.split(/\s+/)[3]?.endsWith(`:${port}`)).length;
  }

  /** For people: every metric that is not zero and whose name begins so, and the send buffers. */
  text(prefix: string): string {
    const samples = [...this.#families.values()]
      .flatMap((family) => family.samples)
      .filter(({ name, value }) => name.startsWith(prefix) && value !== 0)
      .map(({ name, labels, value }) => `${name}${JSON.stringify(labels)} ${value}`);
    const buffers = [53, 67, 69].map((port) => `send buffer of ${port}: ${this.sendBufferShare(port).toFixed(2)}`);
    const connections = [53, 5240, 5248, 5443].map((port) => `connections of ${port}: ${this.connections(port)}`);
    return [...samples, ...buffers, ...connections].join('\n');
  }
}
