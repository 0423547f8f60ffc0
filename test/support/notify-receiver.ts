// The service manager's end of the notification socket: keeps every message with its time. Node has no datagrams on Unix sockets, so this
// calls the C library.

import { systemClock, type Timer } from '../../src/ground/clock.ts';
import { type Libc, loadLibc } from '../../src/net/linux/libc.ts';
import { AF_UNIX, encodeUnixAddress, MSG_DONTWAIT, SOCK_DGRAM, SOCK_FLAGS } from '../../src/net/linux/wire-structs.ts';

const LOOK_MS = 5;
const MESSAGE_BYTES_MAX = 8192;

/** One message, its assignments by name. */
export interface Received {
  readonly at: number;
  readonly fields: Readonly<Record<string, string>>;
}

export class NotifyReceiver {
  readonly received: Received[] = [];
  readonly #libc: Libc = loadLibc();
  readonly #fd: number;
  #timer: Timer | undefined;

  /** @param name a path, or a name of the abstract namespace with a leading `@` */
  constructor(name: string) {
    this.#fd = this.#libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_FLAGS, 0);
    const address = encodeUnixAddress(name);
    if (address === undefined || this.#libc.bind(this.#fd, address, address.length) !== 0)
      throw new Error(`${name} cannot be bound: ${this.#libc.errno()}`);
    this.#look();
  }

  /** Messages that assign `name`, starting with number `from` of all. */
  all(name: string, from = 0): Received[] {
    return this.received.slice(from).filter(({ fields }) => fields[name] !== undefined);
  }

  close(): void {
    this.#timer?.cancel();
    this.#libc.close(this.#fd);
  }

  #look(): void {
    const bytes = Buffer.alloc(MESSAGE_BYTES_MAX);
    for (;;) {
      const length = this.#libc.recv(this.#fd, bytes, bytes.length, MSG_DONTWAIT);
      if (length < 0) break;
      const lines = bytes.subarray(0, length).toString('utf8').split('\n');
      const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
      this.received.push({ at: systemClock.now(), fields: Object.fromEntries(pairs) });
    }
    this.#timer = systemClock.schedule(LOOK_MS, () => this.#look());
  }
}
