import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseUdpTable } from '../../src/net/port-owner.ts';

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  410: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 15313 2 0000000000000000 0
  424: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99182 2 0000000000000000 17
  9999: 0101140A:1A6F 00000000:0000 07 00000000:00000000 00:00000000 00000000 65534        0 7 2 0000000000000000 0
`;

const TABLE_6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1233: 00000000000000000000000000000000:0045 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
 1234: 00000000000000000000000001000000:0045 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
`;

describe('the list of UDP sockets', () => {
  it('is read from /proc/net/udp', () => {
    assert.deepEqual(parseUdpTable(TABLE), [
      { address: 0x7f000001, port: 53, uid: 101, inode: 15313, state: '07' },
      { address: 0, port: 67, uid: 0, inode: 99182, state: '07' },
      { address: 0x0a140101, port: 6767, uid: 65534, inode: 7, state: '07' },
    ]);
  });

  it('includes IPv6 wildcard sockets, which also own the IPv4 port', () => {
    assert.deepEqual(parseUdpTable(TABLE_6), [{ address: 0, port: 69, uid: 0, inode: 4711, state: '07' }]);
  });

  it('skips unreadable lines, wherever the text is truncated', () => {
    for (let length = 0; length <= TABLE.length; length += 1) {
      for (const entry of parseUdpTable(TABLE.slice(0, length))) assert.ok(entry.port > 0 && entry.inode > 0);
    }
    assert.deepEqual(parseUdpTable('garbage\n 1: zz:0043\n'), []);
  });
});
