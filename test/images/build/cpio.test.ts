import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { type CpioEntry, CpioPathReader, encodeCpio } from '../../../src/images/build/cpio.ts';
import { decodeCpioPaths } from '../../support/cpio-paths.ts';
import { missing } from '../../support/needs.ts';
import { readCpio } from '../synthetic.ts';

const text = (path: string, content: string): CpioEntry => {
  return { kind: 'file', path, mode: 0o644, data: Buffer.from(content) };
};

const ENTRIES: readonly CpioEntry[] = [
  text('etc/b', 'hello'),
  text('etc/a', ''),
  { kind: 'link', path: 'sbin', target: 'bin' },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
];

describe('cpio archives', () => {
  test('hold every entry with its type, mode and content, and parents that were not given', () => {
    const read = readCpio(encodeCpio(ENTRIES));
    assert.deepEqual(
      [...read].map(([path, { mode, data }]) => [path, mode.toString(8), data.toString()]),
      [
        ['dev', '40755', ''],
        ['dev/console', '20600', ''],
        ['etc', '40755', ''],
        ['etc/a', '100644', ''],
        ['etc/b', '100644', 'hello'],
        ['sbin', '120777', 'bin'],
        ['tmp', '41777', ''],
      ],
    );
    assert.deepEqual(read.get('dev/console')?.fields.slice(9, 11), [5, 1]);
  });

  test('do not depend on the order of the entries, and carry no time and no owner', () => {
    const archive = encodeCpio(ENTRIES);
    assert.deepEqual(encodeCpio(ENTRIES.toReversed()), archive);
    for (const { fields } of readCpio(archive).values()) assert.deepEqual([fields[2], fields[3], fields[5]], [0, 0, 0]);
  });

  test('are padded to whole blocks', () => {
    assert.equal(encodeCpio(ENTRIES).length % 512, 0);
    assert.equal(encodeCpio([]).length, 512);
  });

  for (const path of ['', '/etc', 'etc/', 'a//b', '../a', 'a/..', './a', 'a/./b', 'a\0b']) {
    test(`refuse the path ${JSON.stringify(path)}`, () => {
      assert.throws(() => encodeCpio([text(path, '')]), /not a relative path/);
    });
  }

  test('take names that begin with dots', () => {
    assert.deepEqual([...readCpio(encodeCpio([text('.a/..b', '')])).keys()], ['.a', '.a/..b']);
  });

  test('refuse one path twice', () => {
    assert.throws(() => encodeCpio([text('a', ''), text('a', '')]), /twice/);
  });

  test('are read by cpio(1)', { skip: spawnSync('cpio', ['--version']).status === 0 ? false : 'needs cpio' }, () => {
    const listing = execFileSync('cpio', ['-itv', '--quiet'], {
      input: encodeCpio(ENTRIES),
      env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    });
    const lines = listing
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +/g, ' '));
    assert.deepEqual(lines, [
      'drwxr-xr-x 2 root root 0 Jan 1 1970 dev',
      'crw------- 1 root root 5, 1 Jan 1 1970 dev/console',
      'drwxr-xr-x 2 root root 0 Jan 1 1970 etc',
      '-rw-r--r-- 1 root root 0 Jan 1 1970 etc/a',
      '-rw-r--r-- 1 root root 5 Jan 1 1970 etc/b',
      'lrwxrwxrwx 1 root root 3 Jan 1 1970 sbin -> bin',
      'drwxrwxrwt 2 root root 0 Jan 1 1970 tmp',
    ]);
  });

  test('are read by busybox', { skip: missing('busybox') }, () => {
    const listing = execFileSync('busybox', ['cpio', '-it'], {
      input: encodeCpio(ENTRIES),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    assert.equal(listing.toString(), 'dev\ndev/console\netc\netc/a\netc/b\nsbin\ntmp\n');
  });

  test('leave out parents that are there already', () => {
    assert.deepEqual(
      [...readCpio(encodeCpio(ENTRIES, new Set(['etc', 'lib']))).keys()],
      ['dev', 'dev/console', 'etc/a', 'etc/b', 'sbin', 'tmp'],
    );
  });
});

describe('the paths of an archive', () => {
  const ARCHIVE = encodeCpio(ENTRIES);
  const PATHS = new Set(['dev', 'dev/console', 'etc', 'etc/a', 'etc/b', 'sbin', 'tmp']);

  test('are read up to its trailer, whatever follows', () => {
    assert.deepEqual(decodeCpioPaths(ARCHIVE), { ok: true, value: PATHS });
    assert.deepEqual(decodeCpioPaths(Buffer.concat([ARCHIVE, Buffer.from('another archive')])).ok, true);
  });

  test('do not depend on the pieces in which the archive arrives', () => {
    for (let step = 1; step <= ARCHIVE.length; step += 1) {
      const reader = new CpioPathReader();
      for (let at = 0; at < ARCHIVE.length; at += step) reader.write(ARCHIVE.subarray(at, at + step));
      assert.deepEqual(reader.finish(), { ok: true, value: PATHS }, `${step} bytes at a time`);
    }
  });

  test('are a fault when one name, or all of them together, are longer than in any system', () => {
    const claimed = Buffer.from(ARCHIVE);
    claimed.write('00001001', 94, 'latin1');
    const fault = { code: 'bad-value', offset: 0, field: 'length of a name' };
    assert.deepEqual(decodeCpioPaths(claimed), { ok: false, fault });
    const one = Buffer.from(encodeCpio([text('n'.repeat(4000), '')])).subarray(0, 4112);
    const reader = new CpioPathReader();
    for (let count = 0; count < 5000; count += 1) reader.write(one);
    const outcome = reader.finish();
    assert.equal(outcome.ok ? '' : outcome.fault.field, 'number of entries');
  });

  test('are read as other programs write them, without the dot in front', { skip: missing('cpio') }, () => {
    const archive = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], {
      input: '.\n./test\n./package.json\n',
      cwd: new URL('../../..', import.meta.url),
    });
    assert.deepEqual(decodeCpioPaths(archive), { ok: true, value: new Set(['.', 'test', 'package.json']) });
  });

  test('are a fault in an archive that is cut at any byte before its trailer', () => {
    const end = Buffer.from(ARCHIVE).indexOf('TRAILER!!!') + 11;
    for (let length = 0; length < end; length += 1) {
      assert.equal(decodeCpioPaths(ARCHIVE.subarray(0, length)).ok, false, `${length} bytes`);
    }
  });

  test('are names that stand in the archive, or a fault within it, whatever one byte is changed to', () => {
    for (let at = 0; at < ARCHIVE.length; at += 1) {
      for (const value of [0, 0x30, 0x46, 0xff]) {
        const changed = Uint8Array.from(ARCHIVE);
        changed[at] = value;
        const got = decodeCpioPaths(changed);
        const what = `byte ${at}: ${value}`;
        if (!got.ok) assert.ok(got.fault.offset >= 0 && got.fault.offset <= ARCHIVE.length, what);
        else
          for (const path of got.value) assert.ok(Buffer.from(changed).toString().includes(path), `${what}, ${path}`);
      }
    }
  });
});
