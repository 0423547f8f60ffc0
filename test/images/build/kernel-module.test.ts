import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeModuleInfo, normaliseModuleName } from '../../../src/images/build/kernel-module.ts';
import { makeModule } from '../synthetic.ts';

const MODULE = makeModule([
  'license=GPL',
  'alias=pci:v00008086d0000100Esv*sd*bc*sc*i*',
  'alias=crypto-crc32c',
  'firmware=e100/d101m_ucode.bin',
  'softdep=pre: crc32c realtek post: late-one pre: again',
  'depends=mii,lib-crc',
  'name=e1000-x',
]);

describe('the .modinfo section of a kernel module', () => {
  test('gives name, dependencies, aliases and firmware, with underscores in names', () => {
    assert.deepEqual(decodeModuleInfo(MODULE, 'kernel/drivers/net/other.ko'), {
      ok: true,
      value: {
        name: 'e1000_x',
        depends: ['mii', 'lib_crc'],
        softDepends: ['crc32c', 'realtek', 'again'],
        aliases: ['pci:v00008086d0000100Esv*sd*bc*sc*i*', 'crypto-crc32c'],
        firmware: ['e100/d101m_ucode.bin'],
      },
    });
  });

  test('may leave out the name and have no dependency', () => {
    const info = decodeModuleInfo(makeModule(['depends=', 'no equals sign']), 'kernel/drivers/net/virtio-net.ko.xz');
    assert.deepEqual(info.ok && [info.value.name, info.value.depends], ['virtio_net', []]);
  });

  test('does not depend on trailing bytes: signatures are appended to modules', () => {
    const signed = Buffer.concat([MODULE, Buffer.from('~Module signature appended~\n')]);
    assert.deepEqual(decodeModuleInfo(signed, 'a.ko'), decodeModuleInfo(MODULE, 'a.ko'));
  });

  test('is a fault, and no exception, in a file cut at any byte', () => {
    for (let length = 0; length < MODULE.length; length += 1) {
      assert.equal(decodeModuleInfo(MODULE.subarray(0, length), 'a.ko').ok, false, `${length} bytes`);
    }
  });

  test('is never read outside the bytes, whatever one byte is changed to', () => {
    const amid = (bytes: Uint8Array, other: number): Uint8Array => {
      const all = new Uint8Array(bytes.length + 256).fill(other);
      all.set(bytes, 128);
      return all.subarray(128, 128 + bytes.length);
    };
    for (let at = 0; at < MODULE.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Uint8Array.from(MODULE);
        changed[at] = value;
        const got = decodeModuleInfo(amid(changed, 0), 'a.ko');
        assert.deepEqual(got, decodeModuleInfo(amid(changed, 0x41), 'a.ko'), `byte ${at}: ${value}`);
        assert.ok(got.ok || got.fault.offset >= 0, `byte ${at}: ${value}`);
      }
    }
  });

  for (const [path, name] of [
    ['kernel/drivers/net/virtio-net.ko', 'virtio_net'],
    ['3w-9xxx.ko.xz', '3w_9xxx'],
    ['a.ko.zst', 'a'],
    ['already_one', 'already_one'],
  ] as const) {
    test(`the module of ${path} is ${name}`, () => assert.equal(normaliseModuleName(path), name));
  }
});
