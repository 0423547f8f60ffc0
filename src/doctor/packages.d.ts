// Types for the two packages that have none, as far as they are used here.

declare module 'dhcp' {
  interface OptionDefinition {
    readonly name: string;
    readonly type: 'UInt8' | 'UInt8s' | 'UInt16' | 'UInt16s' | 'UInt32' | 'ASCII' | 'IP' | 'IPs';
  }
  export function addOption(code: number, definition: OptionDefinition): void;
}

declare module 'dhcp/lib/protocol.js' {
  export interface Message {
    readonly op: number;
    readonly htype: number;
    readonly hlen: number;
    readonly hops: number;
    readonly xid: number;
    readonly secs: number;
    readonly flags: number;
    readonly ciaddr: string;
    readonly yiaddr: string;
    readonly siaddr: string;
    readonly giaddr: string;
    readonly chaddr: string;
    readonly sname: string;
    readonly file: string;
    readonly options: Readonly<Record<number, unknown>>;
  }
  const protocol: {
    parse(bytes: Buffer): Message;
    /** A sequential buffer: `_data` up to `_w` is the message. */
    format(message: Message): { readonly _data: Buffer; readonly _w: number };
  };
  export default protocol;
}

declare module 'tftp2/packet.js' {
  export interface Packet {
    readonly opcode: number;
    /** DATA. */
    readonly block?: number;
    readonly data?: Buffer;
    /** ERROR. */
    readonly code?: number;
    readonly message?: string;
    /** The sender; set by the connection. */
    readonly rinfo: Remote;
  }
  export interface Remote {
    readonly address: string;
    readonly port: number;
  }
  const packet: { readonly OPCODE: { readonly RRQ: number; readonly DATA: number; readonly ERROR: number } };
  export default packet;
}

declare module 'tftp2/connection.js' {
  import type { Socket } from 'node:dgram';
  import type { Packet, Remote } from 'tftp2/packet.js';
  /** A UDP socket and its destination. */
  export default class Connection extends Socket {
    constructor(to: Remote);
    setRemoteDescription(to: Remote): void;
    sendRequest(opcode: number, file: string): Promise<number>;
    sendAck(block: number): Promise<number>;
    /** The first packet for which `isWanted` is true. */
    wait(isWanted: (packet: Packet) => boolean): Promise<Packet>;
  }
}
