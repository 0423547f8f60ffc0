// The messages between the download thread (worker.ts) and the thread of its callers (thread.ts).

import type { DocumentRequest, DocumentResult } from './document.ts';
import type { Attempt, DownloadRequest, DownloadState, Growth } from './request.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';

/** The thread's start data. */
export interface DownloadThreadData {
  readonly settings: DownloadSettings;
}

/** A command for one download. */
export type DownloadCommand = 'pause' | 'resume' | 'cancel';

/** A message to the download thread. The sender numbers its downloads and documents: `id`. */
export type ToDownloadThread =
  | { readonly kind: 'add'; readonly id: number; readonly request: DownloadRequest }
  | { readonly kind: 'command'; readonly id: number; readonly command: DownloadCommand }
  /** Removes the files of a download, even if the thread no longer knows it. */
  | { readonly kind: 'remove'; readonly id: number; readonly request: DownloadRequest }
  /** Asks for the message `settled`. */
  | { readonly kind: 'settle'; readonly id: number }
  | { readonly kind: 'fetch'; readonly id: number; readonly request: DocumentRequest }
  | { readonly kind: 'stop-fetch'; readonly id: number }
  | { readonly kind: 'limit'; readonly bytesPerSecond: number | undefined }
  /** Changes the proxy of further requests. */
  | { readonly kind: 'proxy'; readonly proxy: ProxySettings }
  | { readonly kind: 'close' };

/** A message from the thread. */
export type FromDownloadThread =
  /** A change; `attempts` only if there is a new one. */
  | {
      readonly kind: 'changed';
      readonly id: number;
      readonly state: DownloadState;
      readonly growth: Growth;
      readonly attempts: readonly Attempt[] | undefined;
    }
  /** The end of a removal. @param failure the message of its error; undefined: the files are gone */
  | { readonly kind: 'removed'; readonly id: number; readonly failure: string | undefined }
  /** The download has closed its files. */
  | { readonly kind: 'settled'; readonly id: number }
  | { readonly kind: 'fetched'; readonly id: number; readonly result: DocumentResult }
  /** All files are closed; the thread ends. */
  | { readonly kind: 'closed' };
