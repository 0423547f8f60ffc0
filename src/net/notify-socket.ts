// What the process tells the system's manager of services, by datagrams to the socket that the manager named in the environment.
// Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5), unix(7).
//
// 1. A message never waits and never throws: a manager that does not read is told again later, or not at all.
// 2. Each message names the socket anew, so a manager that was started again is reached.
// 3. The names are taken out of the environment: programs that this process starts do not speak for it.

import { cleanText } from '../clean-text.ts';
import { errorText } from '../errors.ts';
import { errorName, type Libc, loadLibc } from './libc.ts';
import { AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_DGRAM, SOCK_FLAGS, unixAddress } from './wire-structs.ts';

/** The longest status line, in bytes; the manager shows one line. */
export const STATUS_BYTES_MAX = 500;
/** A watchdog shorter than this, in microseconds, could not be served beside other work; one longer than a day is none. */
const WATCHDOG_US_MIN = 100_000;
const WATCHDOG_US_MAX = 86_400_000_000;

/** What the environment says of the manager. */
export interface NotifyTerms {
  /** A path, or a name of the abstract namespace with a leading `@`. */
  readonly socket: string;
  /** How often the process has to say that it is alive, in milliseconds; undefined: it need not. */
  readonly watchdogMs: number | undefined;
}

/** The assignments of a message: `READY`, `STATUS`, `WATCHDOG` and others of sd_notify(3), each with its value. */
export type Notice = Readonly<Record<string, string>>;

/** A way to the manager. */
export interface NotifySocket {
  /** False: the manager did not take it. */
  send(notice: Notice): boolean;
  close(): void;
}

/**
 * Reads what the manager says to the process `pid`, and takes it out of `environment`. Undefined: no manager waits for a word.
 */
export function takeNotifyTerms(environment: NodeJS.ProcessEnv, pid: number): NotifyTerms | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: watched } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined || socket === '') return undefined;
  const microseconds = interval !== undefined && /^\d{1,15}$/.test(interval) ? Number(interval) : 0;
  const isMeant = watched === undefined || watched === String(pid);
  const isSane = microseconds >= WATCHDOG_US_MIN && microseconds <= WATCHDOG_US_MAX;
  return { socket, watchdogMs: isMeant && isSane ? microseconds / 1000 : undefined };
}

/** The text of a message: a value loses its line breaks, and a long one its end. */
export function formatNotice(notice: Notice): string {
  return Object.entries(notice)
    .map(([name, value]) => `${name}=${cut(cleanText(value.replace(/\s+/g, ' ')))}`)
    .join('\n');
}

/** Cuts at a whole character. */
function cut(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= STATUS_BYTES_MAX) return text;
  return `${bytes.toString('utf8', 0, STATUS_BYTES_MAX - 3).replace(/\ufffd+$/, '')}…`;
}

/**
 * Opens the way to the manager's socket. `onTrouble` is told once why it cannot be reached; the process goes on without.
 */
export function openNotifySocket(socket: string, onTrouble: (text: string) => void): NotifySocket {
  const silent: NotifySocket = { send: () => false, close: () => undefined };
  const address = unixAddress(socket);
  if (address === undefined) {
    onTrouble(`the socket of the system's manager has no usable name: ${JSON.stringify(socket.slice(0, 200))}`);
    return silent;
  }
  let libc: Libc;
  try {
    libc = loadLibc();
  } catch (error) {
    onTrouble(
      `the system's manager cannot be told anything, because the C library cannot be called: ${errorText(error)}`,
    );
    return silent;
  }
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_FLAGS, 0);
  if (fd < 0) {
    onTrouble(`the system's manager cannot be told anything: ${errorName(libc.errno())}`);
    return silent;
  }
  return new LinuxNotifySocket(libc, fd, address, onTrouble);
}

class LinuxNotifySocket implements NotifySocket {
  readonly #libc: Libc;
  readonly #address: Uint8Array;
  #onTrouble: ((text: string) => void) | undefined;
  #fd: number;

  constructor(libc: Libc, fd: number, address: Uint8Array, onTrouble: (text: string) => void) {
    this.#libc = libc;
    this.#fd = fd;
    this.#address = address;
    this.#onTrouble = onTrouble;
  }

  send(notice: Notice): boolean {
    if (this.#fd < 0) return false;
    const bytes = Buffer.from(formatNotice(notice), 'utf8');
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = this.#libc.sendto(this.#fd, bytes, bytes.length, flags, this.#address, this.#address.length);
    if (sent === bytes.length) return true;
    const code = sent < 0 ? errorName(this.#libc.errno()) : 'cut short';
    // A full queue empties by itself; anything else is told once.
    if (code !== 'EAGAIN' && code !== 'EINTR') {
      this.#onTrouble?.(`the system's manager does not take what it is told: ${code}`);
      this.#onTrouble = undefined;
    }
    return false;
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }
}
