// Why TFTP and HTTP refuse a request, and why there is no such file: a sentence for each reason, with the remedy if there is one.

import type { AssetRefusal } from '../../../boot/asset.ts';
import type { HttpRefusal, RegionUnreached } from '../../../http/events.ts';
import type { TftpRefusal } from '../../../tftp/events.ts';

export const TFTP_REASONS: Readonly<Record<TftpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  write: 'This server is read-only.',
  mode: 'The transfer mode is neither octet nor netascii.',
  'netascii-too-large': 'The file is too large for netascii; the client must request it in octet mode.',
  busy: 'Too many transfers at once, in all or from this address; the client retries.',
  'network-not-served': 'The client is in no network of cluster_interfaces or tftp.allow.',
  blind:
    'Too many requests without options from this address were never acknowledged; it may be forged. The client retries.',
};

export const HTTP_REASONS: Readonly<Record<HttpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'The configuration is for an unknown machine; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd was never imported; import the image.',
  method: 'Files accept only GET and HEAD.',
  'target-too-long': 'The request line is longer than any file name.',
  'target-form': 'The request line names neither a path nor an http URL.',
  'target-escape': 'The request line contains an invalid percent escape, or bytes that are not UTF-8.',
  'several-hosts': 'The request has several Host fields (RFC 9112 §3.2).',
  'too-many-connections':
    'All connections were in use for 20 s; or the client’s address or network held more than its share.',
  'too-slow': 'The body arrived at less than 1 KiB in 10 s.',
  'tiny-chunks': 'The body arrived in thousands of pieces of less than 32 octets.',
  'not-accepted': 'The process has reached its limit of open files; raise LimitNOFILE.',
  'body-gave-way': 'The large body arrived slowly, or was one of too many, while others waited for its place.',
  'body-too-large': 'The body is larger than the rack forwards to the region.',
  'proxy-busy':
    'Too many requests were waiting for the region, or this one was slower than others that waited for its place; the client tries again.',
};

/** For a request that the region does not answer, and for a report that the rack cannot keep for it. */
export const REGION_REASONS: Readonly<Record<RegionUnreached, string>> = {
  'no-region': 'This rack has no region; set region.mode, or region.url, in its configuration.',
  'region-silent': 'The region does not answer.',
  'region-foreign':
    'Another web server than a region answers there; correct this address in region.url, or the proxy between.',
  'rack-rejected': 'The region refuses this rack.',
  'too-many-reports': 'Too many reports are arriving at once; the machine tries again.',
  'rack-starting': 'The rack has just started.',
  'thread-down': 'The thread that stores reports is not running; it is being restarted.',
  'no-answer': 'The thread that stores reports did not answer in time; the disk may be slow.',
  'too-many-waiting': 'Too many reports are waiting to be stored; the disk may be slow.',
  'outbox-full': 'The outbox is full of reports; bring the region back.',
  'outbox-failed': 'The outbox cannot be written; free some disk space.',
};

/** For a name that is not in the boot tree. */
export const FILE_REASONS: Readonly<Record<AssetRefusal | 'not-in-tree', string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'No machine of that name is known; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd for this architecture and release was never imported; import the image.',
  'not-in-tree': 'There is no such file in the boot tree.',
};
