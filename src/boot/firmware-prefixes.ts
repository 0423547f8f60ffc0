// The first three octets of hardware addresses by which firmware with a quirk is recognised. A site
// adds its own to `boot.quirks`.
//
// Source: the IEEE's registers. MA-L of Raspberry Pi Foundation, Raspberry Pi (Trading) Ltd and
// Raspberry Pi Ltd; 3a:35:41 is the company identifier (CID) of addresses that are given locally.

export const FIRMWARE_PREFIXES: ReadonlyMap<number, 'raspberry-pi'> = new Map(
  [0x28cdc1, 0x2ccf67, 0x88a29e, 0xb827eb, 0xd83add, 0xdca632, 0xe45f01, 0x3a3541].map((prefix) => [
    prefix,
    'raspberry-pi',
  ]),
);
