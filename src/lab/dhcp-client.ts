// The DHCP client of a simulated machine: DISCOVER, OFFER, REQUEST, ACK like a PXE ROM (RFC 2131
// §3.1, §4.4.1). Sans-IO: bytes and time in, bytes and a deadline out.
//
//   selecting ──OFFER──▶ requesting ──ACK──▶ bound
//    ▲  │ timeout: again     │ timeout: again, then from the start
//    └──┴──────NAK───────────┘

import {
  BOOT_REPLY,
  BROADCAST_FLAG,
  clientRequest,
  type DhcpMessage,
  decodeDhcpMessage,
  encodeDhcpMessage,
} from '../dhcp/wire/message.ts';
import {
  addressBytes,
  MESSAGE_TYPE,
  OPTION,
  optionAddress,
  optionText,
  optionU8,
  textBytes,
  u8Bytes,
} from '../dhcp/wire/options.ts';
import { ANY, type Ipv4, type MacAddress, macToBytes } from '../ground/address.ts';
import { type Instant, later } from '../ground/clock.ts';

/** The parts of a lease that a ROM uses. */
export interface BootLease {
  readonly address: Ipv4;
  readonly server: Ipv4;
  readonly file: string;
  readonly pathPrefix: string;
  readonly leaseSeconds: number;
}

export interface DhcpClientIdentity {
  readonly mac: MacAddress;
  /** 16 bytes, option 97. */
  readonly uuid: Uint8Array;
  /**
   * The number that the client sends in option 93; undefined for an operating system, which loads
   * nothing.
   */
  readonly architecture: number | undefined;
}

/** The timeouts of PXE 2.1 §2.2.4, in seconds. After the last one, the client starts over. */
const DISCOVER_TIMEOUTS_S: readonly number[] = [4, 8, 16, 32];
const REQUEST_TRIES_MAX = 4;
const MESSAGE_BYTES_MAX = 1472;

/** One machine's DHCP client. After every call, broadcast what `takeOutgoing` returns. */
export class DhcpClient {
  readonly #identity: DhcpClientIdentity;
  #state: 'idle' | 'selecting' | 'requesting' | 'bound' = 'idle';
  #xid: number;
  #startedAt: Instant | undefined;
  #tries = 0;
  #offer: DhcpMessage | undefined;
  #deadline: Instant | undefined;
  #lease: BootLease | undefined;
  #outgoing: Uint8Array[] = [];

  constructor(identity: DhcpClientIdentity, xid: number) {
    this.#identity = identity;
    this.#xid = xid >>> 0;
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }
  /** Set once bound. */
  get lease(): BootLease | undefined {
    return this.#lease;
  }
  /** The offered address, while it is requested. */
  get offeredAddress(): Ipv4 | undefined {
    return this.#offer?.yiaddr;
  }

  takeOutgoing(): readonly Uint8Array[] {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    return outgoing;
  }

  start(now: Instant): void {
    this.#startedAt = now;
    this.#lease = undefined;
    this.#discover(now, 0);
  }

  timeout(now: Instant): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    if (this.#state === 'requesting' && this.#tries < REQUEST_TRIES_MAX) this.#request(now);
    else this.#discover(now, this.#state === 'selecting' ? this.#tries : 0);
  }

  receive(bytes: Uint8Array, now: Instant): void {
    const decoded = decodeDhcpMessage(bytes);
    if (!decoded.ok || decoded.value.op !== BOOT_REPLY || decoded.value.xid !== this.#xid) return;
    const message = decoded.value;
    if (!Buffer.from(message.chaddr.subarray(0, 6)).equals(macToBytes(this.#identity.mac))) return;
    const type = optionU8(message.options, OPTION.messageType);
    if (type === MESSAGE_TYPE.offer && this.#state === 'selecting') {
      this.#offer = message;
      this.#state = 'requesting';
      this.#tries = 0;
      this.#request(now);
    } else if (type === MESSAGE_TYPE.ack && this.#state === 'requesting') {
      this.#bind(message);
    } else if (type === MESSAGE_TYPE.nak && this.#state === 'requesting') {
      this.#discover(now, 0);
    }
  }

  #discover(now: Instant, tries: number): void {
    if (tries === 0) this.#xid = (this.#xid + 1) >>> 0;
    this.#state = 'selecting';
    this.#offer = undefined;
    this.#deadline = later(now, (DISCOVER_TIMEOUTS_S[tries % DISCOVER_TIMEOUTS_S.length] ?? 4) * 1000);
    this.#tries = tries + 1;
    this.#send(now, MESSAGE_TYPE.discover, []);
  }

  #request(now: Instant): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    this.#tries += 1;
    this.#deadline = later(now, 1000 * 2 ** this.#tries);
    const server = offer.options.get(OPTION.serverIdentifier) ?? new Uint8Array(4);
    this.#send(now, MESSAGE_TYPE.request, [
      [OPTION.requestedAddress, addressBytes(offer.yiaddr)],
      [OPTION.serverIdentifier, server],
    ]);
  }

  #bind(message: DhcpMessage): void {
    const server =
      message.siaddr === ANY ? (optionAddress(message.options, OPTION.serverIdentifier) ?? ANY) : message.siaddr;
    const lease = message.options.get(OPTION.leaseTime);
    this.#state = 'bound';
    this.#deadline = undefined;
    this.#lease = {
      address: message.yiaddr,
      server,
      file: (optionText(message.options, OPTION.bootFileName) ?? message.file).replace(/\0+$/, ''),
      pathPrefix: optionText(message.options, OPTION.pathPrefix) ?? '',
      leaseSeconds: lease === undefined ? 0 : Buffer.from(lease).readUInt32BE(0),
    };
  }

  #send(now: Instant, type: number, furtherOptions: readonly (readonly [number, Uint8Array])[]): void {
    const options = new Map<number, Uint8Array>([
      [OPTION.messageType, u8Bytes(type)],
      [OPTION.parameterRequestList, Uint8Array.of(1, 3, 6, 12, 15, 43, 54, 60, 66, 67, 128, 129, 210)],
      [OPTION.maximumMessageSize, Uint8Array.of(MESSAGE_BYTES_MAX >> 8, MESSAGE_BYTES_MAX & 255)],
      ...firmwareOptions(this.#identity),
      ...furtherOptions,
    ]);
    const message = clientRequest(this.#identity.mac, options, {
      xid: this.#xid,
      secs: Math.min(0xffff, Math.floor((now - (this.#startedAt ?? now)) / 1000)),
      flags: BROADCAST_FLAG,
    });
    this.#outgoing.push(encodeDhcpMessage(message, MESSAGE_BYTES_MAX).bytes);
  }
}

/**
 * The options that firmware sends (RFC 4578 §2). An operating system sends its client identifier
 * instead (RFC 4361).
 */
function firmwareOptions({ mac, uuid, architecture }: DhcpClientIdentity): readonly (readonly [number, Uint8Array])[] {
  if (architecture === undefined) {
    const identifier = Uint8Array.of(0xff, ...macToBytes(mac).subarray(2), 0, 4, ...uuid);
    return [[OPTION.clientIdentifier, identifier]];
  }
  return [
    [OPTION.clientUuid, Uint8Array.of(0, ...uuid)],
    [OPTION.clientArchitecture, Uint8Array.of(architecture >> 8, architecture & 255)],
    [OPTION.vendorClass, textBytes(`PXEClient:Arch:${String(architecture).padStart(5, '0')}:UNDI:002001`)],
  ];
}
