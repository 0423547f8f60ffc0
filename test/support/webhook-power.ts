// What holds the power of a test's machines, as the driver `webhook` asks it: a server on loopback, and behind it whatever is to be
// switched on and off.
//
// 1. A machine that has the state already is not switched again, but what was asked is counted.
// 2. A machine that powers itself off says so (`PowerSocket.isOn`).

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { eventuallyWithin } from './eventually.ts';

/** What can be switched. Each is told once for each change. */
export interface Switched {
  on(): void | Promise<void>;
  off(): void | Promise<void>;
}

/** The power of one machine. */
export class PowerSocket {
  readonly name: string;
  isOn = false;
  /** What changes were asked for, in their order: `on`, `off`. */
  readonly asked: string[] = [];
  /** True, or only for one of them: whoever asks for a change has no answer until it is false again. The change is done before. */
  isSilent: boolean | 'on' | 'off' = false;
  /** An answer that is given instead of doing anything: an HTTP status. */
  refuses: number | undefined;
  readonly #silent: ServerResponse[] = [];
  readonly #machine: Switched;

  constructor(name: string, machine: Switched) {
    this.name = name;
    this.#machine = machine;
  }

  /** How often it was asked to become so. */
  count(what: 'on' | 'off'): number {
    return this.asked.filter((asked) => asked === what).length;
  }

  /** Waits until it is so. */
  async became(what: 'on' | 'off', limitMs = 10_000): Promise<void> {
    await eventuallyWithin(limitMs, `${this.name} ${what}`, () => this.isOn === (what === 'on'));
  }

  async change(what: 'on' | 'off', answer: ServerResponse): Promise<void> {
    this.asked.push(what);
    if (this.refuses !== undefined) {
      answer.writeHead(this.refuses).end('no');
      return;
    }
    const isOther = this.isOn !== (what === 'on');
    this.isOn = what === 'on';
    if (isOther) await this.#machine[what]();
    if (this.isSilent === true || this.isSilent === what) this.#silent.push(answer);
    else answer.end(`{"status": "${this.isOn ? 'running' : 'stopped'}"}`);
  }

  tell(answer: ServerResponse): void {
    if (this.refuses === undefined) answer.end(`{"status": "${this.isOn ? 'running' : 'stopped'}"}`);
    else answer.writeHead(this.refuses).end('no');
  }

  /** Answers those who waited. */
  speak(): void {
    this.isSilent = false;
    for (const answer of this.#silent.splice(0)) this.tell(answer);
  }
}

/** A server that switches machines. */
export class WebhookPower {
  readonly #server: Server;
  readonly #sockets = new Map<string, PowerSocket>();
  #port = 0;
  readonly #address: string;

  private constructor(address: string) {
    this.#address = address;
    this.#server = createServer((request, answer) => {
      const [, name = '', what] = (request.url ?? '').split('/');
      const socket = this.#sockets.get(name);
      if (socket === undefined) answer.writeHead(404).end('no such machine');
      else if (request.method === 'GET' && what === 'state') socket.tell(answer);
      else if (request.method === 'POST' && (what === 'on' || what === 'off')) void socket.change(what, answer);
      else answer.writeHead(405).end();
    });
  }

  /** @param address where it listens */
  static async start(address = '127.0.0.1'): Promise<WebhookPower> {
    const power = new WebhookPower(address);
    power.#server.listen(0, address);
    await once(power.#server, 'listening');
    const bound = power.#server.address();
    power.#port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    return power;
  }

  /** Plugs a machine in, off. */
  add(name: string, machine: Switched = { on: () => undefined, off: () => undefined }): PowerSocket {
    const socket = new PowerSocket(name, machine);
    this.#sockets.set(name, socket);
    return socket;
  }

  /** `power_parameters` for a machine of `power_type` webhook. */
  parameters(name: string): Readonly<Record<string, string>> {
    const base = `http://${this.#address}:${this.#port}/${name}`;
    return {
      power_on_uri: `${base}/on`,
      power_off_uri: `${base}/off`,
      power_query_uri: `${base}/state`,
      power_on_regex: 'running',
      power_off_regex: 'stopped',
    };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
