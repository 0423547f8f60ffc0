// The power controller of simulated machines: an HTTP server on loopback for the `webhook` driver.
//
// Source: docs/power.md, `power/webhook.ts` (the requests, and the parts of the answers that it reads).
//
// 1. A machine that already has the requested state is not switched again.
// 2. A machine that powers itself off must clear `PowerSocket.isOn`.
// 3. With a token, requests without it are refused, because any user can reach the port. The token
//    is never shown.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { equalSecrets } from '../region/accounts/accounts.ts';

/** Each method is called once per change. */
export interface Switchable {
  on(): void | Promise<void>;
  off(): void | Promise<void>;
}

export class PowerSocket {
  readonly name: string;
  isOn = false;
  readonly #machine: Switchable;

  constructor(name: string, machine: Switchable) {
    this.name = name;
    this.#machine = machine;
  }

  /** Switches the machine if necessary, and answers with the state. */
  async switchAndAnswer(state: 'on' | 'off', answer: ServerResponse): Promise<void> {
    await this.switchTo(state);
    this.sendState(answer);
  }

  async switchTo(state: 'on' | 'off'): Promise<void> {
    const isChange = this.isOn !== (state === 'on');
    this.isOn = state === 'on';
    if (isChange) await this.#machine[state]();
  }

  sendState(answer: ServerResponse): void {
    answer.end(`{"status": "${this.isOn ? 'running' : 'stopped'}"}`);
  }
}

export class WebhookPower {
  readonly #server: Server;
  readonly #sockets = new Map<string, PowerSocket>();
  readonly #address: string;
  readonly #token: string | undefined;
  #port = 0;

  /** @param token the token that requests must carry; undefined if they need none */
  constructor(address = '127.0.0.1', token?: string) {
    this.#address = address;
    this.#token = token;
    this.#server = createServer((request, answer) => this.#answer(request, answer));
  }

  /** Listens on a port that the system chooses. */
  async listen(): Promise<void> {
    this.#server.listen(0, this.#address);
    await once(this.#server, 'listening');
    const boundAddress = this.#server.address();
    this.#port = typeof boundAddress === 'object' && boundAddress !== null ? boundAddress.port : 0;
  }

  plug<Socket extends PowerSocket>(socket: Socket): Socket {
    this.#sockets.set(socket.name, socket);
    return socket;
  }

  /** The `power_parameters` for a `power_type` webhook. */
  powerParameters(name: string): Readonly<Record<string, string>> {
    const base = `http://${this.#address}:${this.#port}/${name}`;
    return {
      power_on_uri: `${base}/on`,
      power_off_uri: `${base}/off`,
      power_query_uri: `${base}/state`,
      power_on_regex: 'running',
      power_off_regex: 'stopped',
      ...(this.#token === undefined ? {} : { power_token: this.#token }),
    };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, answer: ServerResponse): void {
    const [, name = '', what] = (request.url ?? '').split('/');
    const socket = this.#sockets.get(name);
    if (!this.#isAuthorised(request)) answer.writeHead(401).end('only the region of this lab may use this');
    else if (socket === undefined) answer.writeHead(404).end('no such machine');
    else if (request.method === 'GET' && what === 'state') socket.sendState(answer);
    else if (request.method === 'POST' && (what === 'on' || what === 'off')) void socket.switchAndAnswer(what, answer);
    else answer.writeHead(405).end();
  }

  #isAuthorised({ headers }: IncomingMessage): boolean {
    return this.#token === undefined || equalSecrets(headers.authorization ?? '', `Bearer ${this.#token}`);
  }
}
