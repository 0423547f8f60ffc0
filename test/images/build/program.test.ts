import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatComplaint, runProgram } from '../../../src/images/build/program.ts';

const SAID: readonly { readonly said: string; readonly reported: string }[] = [
  { said: '', reported: '' },
  {
    said: 'W: Download is performed unsandboxed.\nE: Failed to fetch http://x/InRelease  Could not connect\nW: Some\nE: Some index files failed.\n',
    reported: 'Failed to fetch http://x/InRelease Could not connect; Some index files failed',
  },
  { said: 'dpkg-deb: error: not a Debian format archive\n', reported: 'dpkg-deb: error: not a Debian format archive' },
  { said: 'one\n\n  two \nthree\nfour\n', reported: 'two; three; four' },
  { said: 'E: 1\nE: 2\nE: 3\nE: 4\n', reported: '1; 2; 3' },
];
for (const { said, reported } of SAID) {
  test(`the output of a program becomes one line: ${JSON.stringify(reported)}`, () =>
    assert.equal(formatComplaint(said), reported));
}

test('the remedy may depend on the errors', async () => {
  const remedy = (why: string): string => (why === 'unshare: no' ? 'elsewhere' : 'a mirror');
  const options = { package: 'x', task: 'building', remedy };
  const fails = (said: string) => runProgram('sh', ['-c', `echo ${said} >&2; exit 1`], options);
  await assert.rejects(fails('unshare: no'), { message: 'building (sh) failed: unshare: no; elsewhere' });
  await assert.rejects(fails('E: 404'), { message: 'building (sh) failed: 404; a mirror' });
});
