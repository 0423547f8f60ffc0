// Runs a simulated machine with real sockets on this host's loopback. Like a separate machine, it
// sends its TFTP and HTTP requests from its leased address.

import { ANY, formatIpv4, type Ipv4 } from '../ground/address.ts';
import { copyBytes } from '../ground/borrowed-bytes.ts';
import type { Clock, Timer } from '../ground/clock.ts';
import { errorText } from '../ground/errors.ts';
import type { DatagramNetwork, DatagramSocket } from '../net/datagrams/datagram.ts';
import { openHttp, readWholeAnswer } from '../net/http-client.ts';
import type { MachineAction, MachineInput, MachineOutcome, MachineStep } from './machine-actions.ts';
import type { SimulatedMachine } from './simulated-machine.ts';

/** The largest HTTP answer that a machine accepts, in bytes. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

type HttpAction = Extract<MachineAction, { kind: 'http' }>;

interface MachineRunnerOptions {
  readonly network: DatagramNetwork;
  readonly clock: Clock;
  /** The machine's network device, and an unused address there to broadcast from. */
  readonly device: string;
  readonly source: Ipv4;
  readonly dhcpServerPort: number;
  readonly dhcpClientPort: number;
  readonly tftpPort: number;
  readonly onStep: (step: MachineStep) => void;
}

/** Runs one machine from power-on to power-off. */
export class MachineRunner {
  readonly #machine: SimulatedMachine;
  readonly #options: MachineRunnerOptions;
  #dhcp: DatagramSocket | undefined;
  #tftp: { readonly transfer: number; readonly socket: Promise<DatagramSocket> } | undefined;
  #http: AbortController | undefined;
  #address: Ipv4 = ANY;
  #timer: Timer | undefined;
  #isClosed = false;
  #finish: ((outcome: MachineOutcome) => void) | undefined;

  constructor(machine: SimulatedMachine, options: MachineRunnerOptions) {
    this.#machine = machine;
    this.#options = options;
  }

  /** Switches the machine on; resolves when it is off. */
  async run(): Promise<MachineOutcome> {
    const { network, device, source, dhcpClientPort } = this.#options;
    this.#dhcp = await network.open({
      address: ANY,
      port: dhcpClientPort,
      device,
      source,
      broadcast: true,
      onDatagrams: (datagrams) => {
        for (const { bytes } of datagrams) this.#handleInput({ kind: 'dhcp', bytes: copyBytes(bytes) });
      },
    });
    try {
      return await new Promise<MachineOutcome>((resolve) => {
        this.#finish = resolve;
        this.#handleInput({ kind: 'power-on' });
      });
    } finally {
      await this.close();
    }
  }

  /** Cuts the machine's power and network at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#http?.abort();
    this.#dhcp?.close();
    const tftp = this.#tftp;
    this.#tftp = undefined;
    if (tftp !== undefined) (await tftp.socket).close();
  }

  #handleInput(input: MachineInput): void {
    if (this.#isClosed) return;
    for (const action of this.#machine.handle(input, this.#options.clock.now())) this.#perform(action);
    this.#timer?.cancel();
    const { deadline } = this.#machine;
    if (deadline === undefined) return;
    const delay = Math.max(0, deadline - this.#options.clock.now());
    this.#timer = this.#options.clock.schedule(delay, () => this.#handleInput({ kind: 'timeout' }));
  }

  #perform(action: MachineAction): void {
    switch (action.kind) {
      case 'broadcast':
        this.#dhcp?.send([{ bytes: action.bytes, to: { kind: 'broadcast', port: this.#options.dhcpServerPort } }]);
        break;
      case 'address':
        this.#address = action.address;
        break;
      case 'tftp':
        this.#sendTftp(action);
        break;
      case 'http':
        void this.#fetch(action);
        break;
      case 'step':
        this.#options.onStep(action.step);
        break;
      case 'off':
        this.#finish?.(action.outcome);
        break;
    }
  }

  #sendTftp(action: Extract<MachineAction, { kind: 'tftp' }>): void {
    if (this.#tftp?.transfer !== action.transfer) {
      void this.#tftp?.socket.then((socket) => socket.close());
      this.#tftp = { transfer: action.transfer, socket: this.#openTftp() };
    }
    const port = action.port === 0 ? this.#options.tftpPort : action.port;
    const { socket } = this.#tftp;
    void socket.then((openSocket) =>
      openSocket.send([{ bytes: action.bytes, to: { kind: 'unicast', address: action.to, port } }]),
    );
  }

  #openTftp(): Promise<DatagramSocket> {
    return this.#options.network.open({
      address: this.#address,
      port: 0,
      onDatagrams: (datagrams) => {
        for (const { bytes, from, fromPort } of datagrams)
          this.#handleInput({ kind: 'tftp', bytes: copyBytes(bytes), from, fromPort });
      },
    });
  }

  async #fetch(action: HttpAction): Promise<void> {
    this.#http?.abort();
    const controller = new AbortController();
    this.#http = controller;
    const input = await this.#sendHttp(action, controller.signal).catch(
      (error: unknown) => ({ kind: 'http-failed', reason: errorText(error) }) as const,
    );
    if (this.#http !== controller) return;
    this.#http = undefined;
    this.#handleInput(input);
  }

  async #sendHttp({ method, url, fields, body }: HttpAction, signal: AbortSignal): Promise<MachineInput> {
    const type = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const answer = await openHttp({
      url: new URL(url),
      method,
      headers: { ...fields, ...type },
      body,
      localAddress: formatIpv4(this.#address),
      signals: [signal],
    });
    return { kind: 'http', status: answer.statusCode ?? 0, body: await readWholeAnswer(answer, ANSWER_BYTES_MAX) };
  }
}
