// The times and bounds of downloads.

/** An HTTP proxy, as `http_proxy`, `https_proxy` and `no_proxy` name it. */
export interface ProxySettings {
  /** The proxy for http URLs. Undefined if there is none. */
  readonly http: string | undefined;
  /** The proxy for https URLs, by CONNECT. Undefined if there is none. */
  readonly https: string | undefined;
  /** Hosts without a proxy: names, `.domain`, addresses, separated by commas. */
  readonly except: string | undefined;
}

export interface DownloadSettings {
  readonly filesOfHostMax: number;
  /** The bandwidth of all downloads together. Undefined for no limit. */
  readonly bytesPerSecondMax: number | undefined;
  readonly proxy: ProxySettings;
  /**
   * PEM certificates of trusted authorities. If undefined, Node's are used, and the system's if
   * Node's do not suffice.
   */
  readonly authorities?: readonly string[] | undefined;
  /** The timeout of a connection. */
  readonly connectMs: number;
  /** The timeout of the header of the answer, after the connection. */
  readonly answerMs: number;
  /** A longer silence in a body ends the attempt. */
  readonly stallMs: number;
  /** An attempt ends if fewer bytes per second arrive over `slowMs`. */
  readonly bytesPerSecondMin: number;
  readonly slowMs: number;
  /** Bound on the time to read one document. A file may be large, so it has no such bound. */
  readonly documentMsMax: number;
  /** The pause after the first round without progress. It doubles up to `pauseMsMax`. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  /** A download fails after this many rounds without progress. A round tries every source once. */
  readonly roundsMax: number;
}

export const NO_PROXY: ProxySettings = { http: undefined, https: undefined, except: undefined };

export const DEFAULT_SETTINGS: DownloadSettings = {
  filesOfHostMax: 2,
  bytesPerSecondMax: undefined,
  proxy: NO_PROXY,
  connectMs: 15_000,
  answerMs: 30_000,
  stallMs: 30_000,
  // This is slower than a modem: an image of 500 MB takes more than a day at this rate.
  bytesPerSecondMin: 4096,
  slowMs: 120_000,
  // Enough for 12 MB, the largest known document, at 20 kB a second.
  documentMsMax: 600_000,
  pauseMs: 1000,
  pauseMsMax: 60_000,
  roundsMax: 8,
};

const OWN_HOST = 'localhost,127.0.0.1';

/**
 * Chooses the proxy: that of the environment, or else the site's. @param httpProxy the site's
 * proxy. Empty if there is none
 */
export function chooseProxy(
  httpProxy: string,
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const environmentProxy = readEnvironmentProxy(environment);
  if (httpProxy === '' || environmentProxy.http !== undefined || environmentProxy.https !== undefined)
    return environmentProxy;
  return { http: httpProxy, https: httpProxy, except: environmentProxy.except ?? OWN_HOST };
}

/** Reads the proxy of the environment. Lower-case names take precedence, as in curl. */
export function readEnvironmentProxy(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const readVariable = (name: string): string | undefined =>
    environment[name] || environment[name.toUpperCase()] || undefined;
  return { http: readVariable('http_proxy'), https: readVariable('https_proxy'), except: readVariable('no_proxy') };
}
