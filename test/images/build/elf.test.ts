import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeElfNeeds } from '../../../src/images/build/elf.ts';
import { makeElf, makeProgram } from '../synthetic.ts';

const PROGRAM = makeProgram(['libfirst.so.1', 'libc.so.6'], '/lib64/ld-linux-x86-64.so.2');

describe('the needs of a program', () => {
  test('is its dynamic linker and the libraries in their order', () => {
    assert.deepEqual(decodeElfNeeds(PROGRAM), {
      ok: true,
      value: { interpreter: '/lib64/ld-linux-x86-64.so.2', libraries: ['libfirst.so.1', 'libc.so.6'] },
    });
  });

  test('is the same for 32 bits', () => {
    assert.deepEqual(decodeElfNeeds(makeProgram(['libc.so.6', 'libm.so.6'], '/lib/ld-linux-armhf.so.3', 32)), {
      ok: true,
      value: { interpreter: '/lib/ld-linux-armhf.so.3', libraries: ['libc.so.6', 'libm.so.6'] },
    });
  });

  test('includes no linker for a library, and may be nothing at all', () => {
    assert.deepEqual(decodeElfNeeds(makeProgram([])), { ok: true, value: { interpreter: undefined, libraries: [] } });
  });

  test('is a fault for a statically linked program', () => {
    assert.equal(decodeElfNeeds(makeElf({ '.text': Buffer.from('code') })).ok, false);
  });

  test('is a fault where a name lies outside its table, or has no end', () => {
    const dynamic = Buffer.alloc(32);
    dynamic.writeBigUInt64LE(1n, 0);
    for (const offset of [1n, 4n, 2n ** 63n]) {
      dynamic.writeBigUInt64LE(offset, 8);
      const needs = decodeElfNeeds(makeElf({ '.dynamic': dynamic, '.dynstr': Buffer.from('\0abc') }));
      assert.deepEqual(needs.ok ? 'taken' : needs.fault.field, 'a needed library');
    }
  });

  test('is a fault, and no exception, in a file cut at any byte or changed at any', () => {
    for (let at = 0; at < PROGRAM.length; at += 1) {
      assert.equal(decodeElfNeeds(PROGRAM.subarray(0, at)).ok, false, `${at} bytes`);
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Uint8Array.from(PROGRAM);
        changed[at] = value;
        decodeElfNeeds(changed);
      }
    }
  });

  test('is found for a real program', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
    const needs = decodeElfNeeds(readFileSync(process.execPath));
    assert.ok(needs.ok);
    assert.match(needs.value.interpreter ?? '', /\/ld-/);
    assert.ok(needs.value.libraries.includes('libc.so.6'), needs.value.libraries.join(', '));
  });
});
