// The reasons that errors and faults of downloads become.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertOutside, RackError } from '../../src/ground/errors.ts';
import { type AttemptFault, DownloadError } from '../../src/images/download/fault.ts';
import {
  buildDeletionReason,
  buildDownloadReason,
  buildFailureReason,
  buildThreadReason,
  FailureReports,
} from '../../src/region-host/imports/import-failure.ts';

const said = (message: string) => buildFailureReason(new RackError('source-failed', message)).params;

test('a reason names a file of the host without its directory, and a URL as it is', () => {
  for (const [message, shown] of [
    ['its keyring /etc/keys/a.gpg cannot be read (EACCES)', 'its keyring a.gpg cannot be read (EACCES)'],
    ['/var/lib/rackboot/boot/images cannot be written', 'images cannot be written'],
    ['("/srv/tree/x", \'/srv/tree/y\')', '("x", \'y\')'],
    ['http://h/a/b.json and https://[::1]:8/c/d: no answer', 'http://h/a/b.json and https://[::1]:8/c/d: no answer'],
    ['ubuntu/noble/amd64 has no file', 'ubuntu/noble/amd64 has no file'],
  ] as const)
    assert.deepEqual(said(message), { said: shown });
  assert.deepEqual(buildDeletionReason(new RackError('store-unwritable', '/srv/a/b: EBUSY')), {
    code: 'not-deleted',
    params: { said: 'b: EBUSY' },
  });
  assert.deepEqual(buildThreadReason(new Error('cannot load /opt/x/worker.ts')).params, {
    said: 'cannot load worker.ts',
  });
  assert.deepEqual(buildThreadReason(undefined).params, { said: '' });
});

test('a failed download keeps its code, without paths of the host', () => {
  const stalled: AttemptFault = { code: 'stalled', params: { host: 'h', seconds: 30 } };
  const error = new RackError('source-failed', 'could not be downloaded', { cause: new DownloadError(stalled) });
  assert.deepEqual(buildFailureReason(error), { code: 'download', params: { fault: stalled } });
  const room = { directory: '/srv/tree/images', freeBytes: 1, neededBytes: 2 };
  assert.deepEqual(buildDownloadReason({ code: 'no-room', params: room }), {
    code: 'disk-full',
    params: { freeBytes: 1, neededBytes: 2 },
  });
  assert.deepEqual(
    buildDownloadReason({ code: 'disk-failed', params: { path: '/srv/x', detail: "EIO, open '/srv/x'" } }),
    {
      code: 'disk-failed',
      params: { said: "EIO, open 'x'" },
    },
  );
});

test('a file that cannot be used has a reason of its own, because no further attempt helps', () => {
  const said = 'bad.img cannot be added';
  assert.deepEqual(buildFailureReason(new RackError('bad-argument', said)), { code: 'refused', params: { said } });
  assert.deepEqual(buildFailureReason(new RackError('source-failed', said)), { code: 'said', params: { said } });
});

test('a bug of our own is not a reason', () => {
  for (const reason of [buildFailureReason, buildDeletionReason, assertOutside])
    assert.throws(() => reason(new TypeError('undefined is not a function')), TypeError);
});

test('a failure of the outside world is reported once until the work succeeds; an own bug is thrown', () => {
  const reported: string[] = [];
  const failures = new FailureReports((reason) => void reported.push(reason));
  const readOnly = Object.assign(new Error("EROFS: read-only file system, unlink '/srv/a'"), { code: 'EROFS' });
  for (const error of [readOnly, readOnly, new RackError('store-unavailable', 'the database is away'), readOnly])
    failures.report(error);
  assert.deepEqual(reported, [readOnly.message]);
  failures.clear();
  failures.report(readOnly);
  assert.equal(reported.length, 2);
  assert.throws(() => failures.report(new TypeError('x is not a function')), TypeError);
});
