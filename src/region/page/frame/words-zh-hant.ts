// The page's words in Traditional Chinese that are computed; the others are in `lang/zh-Hant.json`.
// A word that both lack is English (`words.ts`).
//
// Terms: 驗收 commissioning, 登錄 enlistment, 部署 deployment, 釋出 release, 抹除 erasing; 區域控制器 region,
// 機架控制器 rack; 分區 zone, 資源池 pool, 租約 lease, 保留 reservation. Names that people type (proxy, amd64,
// cloud-init) stay as they are.

import { html } from '../../../ground/html.ts';
import { formatAge, formatDuration, formatSize } from '../../../ground/quantity.ts';
import { DOUBTS_ZH, HAPPENINGS_ZH } from './happenings.ts';
import type { Translation } from './words.ts';

/** The units of a duration; the rest of it is a number. */
const UNITS: Readonly<Record<string, string>> = { s: '秒', min: '分鐘', h: '小時', d: '天' };

/** A duration in Chinese: `3 h 12 min` as `3 小時 12 分鐘`. */
const spanText = (span: string | number): string =>
  String(span).replaceAll(/\b(?:s|min|h|d)\b/g, (unit) => UNITS[unit] ?? unit);
const durationText = (ms: number): string => spanText(formatDuration(ms));

const machinesText = (count: number) => `${count} 台機器`;

export const TRADITIONAL_CHINESE: Translation = {
  happenings: HAPPENINGS_ZH,
  doubts: DOUBTS_ZH,
  away: {
    next: (isRepeated) =>
      html`${isRepeated ? '本頁每 5 秒自動重試。' : ''}不需要重新啟動。請在區域控制器的主機上執行 <code>sudo rackboot status</code> 並查看日誌，以了解詳情。`,
  },
  signIn: {
    lead: html`有帳號的人才能查看此區域控制器的機器。`,
    failed: {
      'spent-link': html`此連結已使用過，或已超過 10 分鐘：<code>sudo rackboot page</code> 可再產生一個。`,
    },
    link: (username) => html`此連結讓這個瀏覽器以 <b>${username}</b> 的身分登入，限用一次。`,
    noAccount: (isApart, config) =>
      html`在${isApart ? '區域控制器的主機' : '機架控制器'}上，<code>sudo rackboot page${config}</code> 會產生免密碼登入的連結，<code>sudo rackboot createadmin --username NAME${config}</code> 會建立帳號。`,
  },
  forms: {
    changedMeanwhile: (now) =>
      now === ''
        ? '其間已由他人或在其他分頁清空。再次儲存即可設定您的值。'
        : `其間已由他人或在其他分頁變更：${now}。再次儲存即以您的值取代。`,
  },
  values: {
    ago: (ms) => spanText(formatAge(ms)).replace('just now', '剛剛').replace(' ago', '前'),
  },
  machines: {
    pager: {
      range: (from, to, count) => (count === 0 ? '' : `${from}–${to}，共 ${count}`),
    },
    noneFits: {
      hint: (machines) => `${machinesText(machines)}都不符合。`,
    },
  },
  many: {
    heading: (action, count) => `${action}：${machinesText(count)}`,
    some: (able, total) => `${total} 台中有 ${able} 台納入；${total - able} 台排除，原因如下。`,
  },
  identity: {
    lead: (doubts) =>
      doubts === 0
        ? '沒有跡象顯示這台機器與另一台相同。'
        : '請判斷它們是否為同一台機器：比較硬體，然後合併或保持分開。',
  },
  overview: {
    further: {
      problem: (count) => `另有 ${machinesText(count)}有問題`,
      failing: (count) => `另有 ${machinesText(count)}開機失敗`,
      waiting: (count) => `另有 ${machinesText(count)}等待人員處理`,
    },
    moreWork: (count) => `另有 ${machinesText(count)}作業中`,
    first: {
      steps: {
        networks: (networks) =>
          networks.length === 0 ? '在機器所在的網路提供 DHCP。' : `已在 ${networks.join('、')} 提供 DHCP。`,
      },
    },
  },
  racks: {
    foreignServers: (servers) =>
      `有其他 DHCP 伺服器回應：${servers.join('、')}；機器可能採用它的位址而無法從這裡開機。請關閉它，或使用 proxy 模式`,
    join: {
      lead: (url) =>
        html`在其主機上執行 <code>sudo rackboot init --region ${url}</code>，即可加入此區域控制器。它會產生自己的金鑰，並在這裡等待接受。若使用管理員的 API 金鑰 (<a href="/MAAS/account/">建立一個</a>，只顯示一次)，則立即接受。`,
    },
  },
  rack: {
    keys: {
      own: html`自己的金鑰。若要更換，請在其主機上移除 <code>region.api_key_file</code> 的檔案並重新啟動；之後它會再次等待接受。`,
      of: (username) =>
        html`${username} 的 API 金鑰。若要更換，請在其主機的 <code>region.api_key_file</code> 放入另一個金鑰並重新啟動。`,
    },
    silent: {
      todo: html`它仍繼續服務已知的機器，恢復連線後會送回事件。請在其主機上執行 <code>sudo rackboot status</code>，確認是否執行中、能否連上區域控制器；<code>sudo journalctl -u rackboot -n 50</code> 會說明原因。`,
    },
    verbs: {
      accept: {
        effects: (address) => [
          '它會取得其網路的設定與機器，包括機密資料，區域控制器也會採信它的回報。',
          `它從 ${address} 註冊。請確認您認得這台主機，再接受。`,
        ],
      },
      reject: {
        effects: () => ['它不會取得任何資料，並維持拒絕狀態，直到刪除為止。'],
      },
      delete: {
        effects: () => [
          '區域控制器會移除它的資料，不再採信它。其網路中的機器會保留。',
          '若它仍在執行，會再次註冊並等待接受。',
        ],
      },
    },
  },
  machine: {
    locked: (systemId) => html`已鎖定。若要解除，請執行 <code>sudo rackboot machines unlock ${systemId}</code>。`,
    onTheRack: (machine) =>
      html`在機架控制器上：<code>sudo rackboot trace ${machine} --follow</code> 即時顯示每個步驟，<code>sudo rackboot why ${machine}</code> 顯示它現在會取得什麼。`,
  },
  waterfall: {
    dhcp: (client) => (client === undefined ? 'DHCP，執行中的系統' : `DHCP，${client}`),
    asked: (span) => `已要求 ${spanText(span)}`,
    file: (file, why) => (why === '' ? `取得 ${file}` : `取得 ${file}，因為它是 ${why}`),
    told: (purpose, state) => (state === undefined ? `指示：${purpose}` : `指示：${purpose}，因為狀態是 ${state}`),
  },
  layout: {
    inUse: (machine, state, states) =>
      `${machine} 目前是「${state}」，處於下列狀態時才能變更網路與磁碟：${states.join('、')}。`,
    heading: (task, object, machine) => (object === '' ? `${machine}：${task}` : `${machine}：${task} ${object}`),
    storage: {
      raid: (members, spares) => `RAID 1：${members}${spares === '' ? '' : `，備援 ${spares}`}`,
      use: (use) => use.toLowerCase(),
    },
  },
  facts: {
    uefi: (isSecure) => (isSecure ? 'UEFI，安全開機' : 'UEFI'),
  },
  logins: {
    keys: (isKnown, owner) =>
      `${isKnown ? '' : '以映像檔的第一個使用者或 root 登入；'}使用${owner === undefined ? '擁有者' : ` ${owner} `}的 SSH 金鑰，不用密碼`,
    hostKey: (key) => html`主機金鑰 ${key}`,
    with: (keys, username) =>
      `使用${username === '' ? '無人' : ` ${username} `}的${keys === 1 ? '金鑰' : ` ${keys} 個金鑰`}`,
    left: (time) => `剩餘 ${spanText(time)}`,
  },
  effects: {
    starts({ isSwitched, isOff }) {
      if (!isSwitched)
        return 'Rackboot 無法開啟它的電源：請將開機順序設為網路優先，並自行開機。時限從它的第一個要求起算。';
      const start = '電源驅動程式會讓它從網路開機';
      return isOff ? `${start}。` : `${start}；目前執行中的系統會停止。`;
    },
    ends({ isSwitched, isOff }) {
      if (isOff) return '它已經關機。';
      return isSwitched ? '它會關機。' : 'Rackboot 無法關閉它的電源：在您關機之前，它可能繼續執行。';
    },
    freed: ({ fqdn }) => `它的位址與 DNS 名稱${fqdn === '' ? '' : ` ${fqdn} `}會立即釋放。`,
    workStops: ({ state }) => `它的作業 (${state}) 會立即停止。`,
  },
  actionForms: {
    disks: {
      full: (size) => ({
        text: '完整抹除',
        meaning: `覆寫或捨棄所有資料，可能需要數小時${size === '' ? '' : ` (${size})`}。`,
      }),
    },
  },
  deploy: {
    noInstaller: (command) =>
      html`沒有適用的安裝程式。在機架控制器上執行 <code>${command}</code> 可加入 Debian 的安裝程式。`,
    noImage: (architecture) =>
      html`<b>沒有 ${architecture} 的映像檔。</b>在機架控制器上，<code>sudo rackboot images make-debian</code> 可製作一個，<code>sudo rackboot images add FILE</code> 可加入您自己的。`,
    noKey: (isYours, owner) =>
      html`<b>${isYours ? '您' : `${owner} `}還沒有 SSH 金鑰。</b>部署會遭拒絕，因為沒有人能登入：請先<a href="/MAAS/account/">新增金鑰</a>，或在機架控制器上執行 <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code>。若沒有這個檔案，可在您的電腦上用 <code>ssh-keygen</code> 產生。`,
  },
  power: {
    tasks: {
      query: {
        done: (machine, state, why = '') => {
          const states: Readonly<Record<string, string>> = { on: '已開啟', off: '已關閉', error: '無法檢查' };
          return `${machine} 的電源${states[state ?? ''] ?? '狀態不明'}${why === '' ? '' : `：${why}`}。`;
        },
      },
    },
  },
  networks: {
    vlan: (vid, name) =>
      vid === 0 ? '無標籤' : name === '' || name === String(vid) ? `VLAN ${vid}` : `${name} (${vid})`,
    mtu: (bytes) => (bytes === 1500 ? '' : `MTU ${bytes}`),
    leasedFor: (duration) => `剩餘 ${spanText(duration)}`,
    reserved: (ip) => `已保留${ip === '' ? '一個位址' : ` ${ip}`}。`,
  },
  networkObjects: {
    ranges: {
      loss: (isReserved) =>
        isReserved ? '其位址可再次分配給機器。' : '主機不再取得其中的位址。有機架控制器以它提供 DHCP 時，會拒絕刪除。',
    },
  },
  interfaces: {
    chooseFor: (cidr, count) =>
      count === 0
        ? `沒有機架控制器在 ${cidr} 中有位址：請給機架控制器的介面一個位址，或由中繼代理轉送要求。`
        : `選擇要在 ${cidr} 提供 DHCP 的機架控制器。`,
    enableIn: (cidr) => (cidr === '' ? '經由中繼代理啟用 DHCP' : `在 ${cidr} 啟用 DHCP`),
    by: (rack, nic, ip) =>
      nic === '' ? `${rack} 回應中繼代理轉送的要求。` : `${rack} 在 ${nic} 上回應，位址是 ${ip}。`,
    second: {
      answers: (nic, servers) =>
        `${nic} 上有另一部 DHCP 伺服器回應：${servers.join('、')}。同一網路有兩部伺服器提供位址，會干擾那裡的所有主機。請選擇 proxy，或關閉該伺服器；若兩部都要運作，請勾選。`,
    },
  },
  addressMap: {
    span: (first, last) => (first === last ? first : `${first} – ${last}`),
    of: (span, what, owner) => `${span}：${owner === '' ? what : `${owner} (${what})`}`,
  },
  images: {
    onDisk: (size) => `佔用磁碟 ${formatSize(size)}`,
    uses: (first, machines) => (machines === 1 ? first : `${first} 與其他 ${machinesText(machines - 1)}`),
    amount: (bytes, total) => (total === undefined ? formatSize(bytes) : `${formatSize(bytes)} / ${formatSize(total)}`),
    rate: (bytesPerSecond) => `${formatSize(bytesPerSecond)}/s`,
    left: (ms) => `剩餘 ${durationText(ms)}`,
    nextTry: (ms) => (ms <= 0 ? '正在重試' : `${durationText(ms)} 後重試`),
    resumes: (ms) => (ms <= 0 ? '正在繼續' : `${durationText(ms)} 後繼續`),
    run: {
      next: (ms) => (ms <= 0 ? '下次匯入現在開始。' : `下次匯入在 ${durationText(ms)} 後開始。`),
    },
    free: (bytes) => `其磁碟可用空間 ${formatSize(bytes)}。`,
    byHand: html`無法連到來源時：<code>sudo rackboot images make-debian</code> 在機架控制器上以 Debian 鏡像站的套件製作 Debian，約需十分鐘；<code>sudo rackboot images add FILE --os debian --release trixie</code> 加入您自己的映像檔。`,
    footer: html`在機架控制器上：<code>sudo rackboot images import</code>、<code>sudo rackboot images add</code>、<code>sudo rackboot images remove</code>。從任何地方：<code>rackboot images upload</code>。`,
    total: (size) => `需下載 ${formatSize(size)}`,
    startsBy: (ways) => (ways.length === 0 ? '不明' : ways.join('、')),
    cloudInit: (isThere) => (isThere ? 'cloud-init' : '其中找不到 cloud-init'),
    deleteWhat: (isImported) =>
      isImported
        ? '所有版本都會刪除。只要選取項目仍包含它，下次匯入就會再次取得：若要避免，請移除選取項目。'
        : '所有版本都會刪除。',
    deleteUsed: (machines) => `${machinesText(machines)}使用此系統；其磁碟不會變更。`,
  },
  choose: {
    example: (title, architecture, bytes) =>
      `例如 ${architecture} 的 ${title}${bytes === undefined ? '' : `，需下載 ${formatSize(bytes)}`}。`,
    fixed: (isTicked) => (isTicked ? '包含於選取項目' : '排除於選取項目'),
    saved: (changes) => (changes === 0 ? '沒有變更。' : `已儲存 ${changes} 項變更。下次匯入時套用。`),
  },
  upload: {
    lead: html`磁碟映像檔，或系統根目錄的封存檔，機器會以它作為系統。檔案必須在五分鐘內傳完。較大的檔案請用 <code>rackboot images upload</code> 分段傳送。`,
    kindOf: (type) => (type === 'squashfs' || type.startsWith('t') ? `${type}：系統根目錄` : `${type}：磁碟映像檔`),
  },
  sources: {
    shippedSource: (file) =>
      html`此來源是 Rackboot 的一部分。若要變更，請在 <code>${file}</code> 寫入同名的來源，即可取代。`,
    pinnedSelection: (file, line) => `寫在 ${file}${line === undefined ? '' : ` 第 ${line} 行`}：請在那裡移除。`,
    signed: {
      accepted: (count) => (count === 0 ? '已簽署' : `已簽署：${count} 個接受的金鑰`),
    },
    selectionAdded: (image, ms) =>
      `已選取 ${image}：${ms === undefined ? '沒有排程匯入' : `${ms <= 0 ? '現在' : `${durationText(ms)} 後`}的下次匯入會取得它`}。映像檔頁面的「立即匯入」可馬上開始。`,
    hasKeys: (bytes) => `有自己的金鑰 (${formatSize(bytes)})。新的金鑰會取代它們。`,
  },
  tags: {
    loss: (machines) => (machines === 0 ? '沒有機器使用它。' : `${machinesText(machines)}會失去此標籤及其核心參數。`),
  },
  scripts: {
    atMost: (time) => `最長 ${spanText(time)}`,
    tagged: (tags) => `標籤：${tags.join(', ')}`,
  },
  settings: {
    byDefault: (value) => (value === '' ? '預設' : `預設 (${value})`),
    writtenIn: ({ key, pin }) =>
      pin.kind === 'own' ? `寫在 ${pin.file} 的 ${key}` : `寫在機架控制器 ${pin.rack} 的設定檔的 ${key}`,
    footer: html`在命令列也能執行：<code>sudo rackboot config show</code> 與 <code>sudo rackboot config set</code>。`,
    saved: (labels) => `已儲存：${labels.join('、')}。`,
  },
  health: {
    more: html`在機架控制器的主機上執行 <code>sudo rackboot doctor --fix-hint</code>，會以機器的角度測試，並檢查該主機。`,
    upstream: (server, domain) =>
      domain === '' ? `${server} 沒有回應，開始於` : `${server} (用於 ${domain}) 沒有回應，開始於`,
    clockOff: (span) => `它的時鐘與區域控制器相差 ${spanText(span)}。`,
  },
  account: {
    apiKeyTimes: (made, used) => html`${made}建立 · ${used === undefined ? '尚未使用' : html`${used}使用`}`,
    footer: (username) =>
      html`供程式與命令列使用：在機架控制器上執行 <code>sudo rackboot apikey --username ${username}</code> 會產生 API 金鑰。`,
  },
  people: {
    changed: (username, isAdmin) => `${username} 現在是${isAdmin ? '管理員' : '使用者'}。`,
  },
  dns: {
    domains: {
      titleOf: (domain) => domain,
      loss: (names) =>
        names === 0
          ? '其中沒有名稱。機架控制器不再回應此網域的查詢。'
          : `其中有機器、裝置、記錄與保留位址的 ${names} 個名稱：請先移動或刪除它們。`,
    },
    loss: (record) => `不再提供 \`${record}\`。`,
  },
  listing: {
    found: (matching, all) => (matching === all ? String(all) : `${matching} / ${all}`),
  },
  areas: {
    zone: {
      loss: (machines) =>
        machines === 0
          ? '其中沒有機器或裝置。其機架控制器會移至預設分區。'
          : `${machines} 台機器或裝置會移至預設分區，其機架控制器也一併移動。`,
    },
    pool: {
      loss: (machines) =>
        machines === 0 ? '其中沒有機器或裝置。' : `其中有 ${machines} 台機器或裝置。請先移至其他資源池。`,
    },
  },
};
