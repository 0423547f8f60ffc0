// Types of the two packages that bring none, as far as they are used here.

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

declare module 'tftp2' {
  interface Connection {
    read(file: string, onBlock: (data: Buffer) => void | Promise<void>, done: () => void): Promise<void>;
    close(): void;
  }
  export default function connect(host: string, port: number): Connection;
}
