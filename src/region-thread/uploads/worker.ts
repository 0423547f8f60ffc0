// The thread that makes an image of one complete upload: it hashes and converts the upload, and then ends.

import { parentPort, workerData } from 'node:worker_threads';
import { type FinishOrder, type FinishResult, finishUpload } from '../../images/make/finish-upload.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { failureReason } from '../imports/import-failure.ts';

/** The outcome of an upload: as `FinishResult`, with the reason of a failure instead of the error, which cannot cross threads whole. */
export type UploadResult =
  | Extract<FinishResult, { readonly kind: 'added' }>
  | { readonly kind: 'refused' | 'later'; readonly reason: ImportReason };

function reported(result: FinishResult): UploadResult {
  return result.kind === 'added' ? result : { kind: result.kind, reason: failureReason(result.error) };
}

const order: FinishOrder = workerData;
parentPort?.postMessage(reported(await finishUpload(order)));
