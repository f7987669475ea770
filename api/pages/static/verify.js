// The check of an inclusion proof in the reader's own browser: no request leaves the page, and no code but this runs.
//
// 1. What is checked: the entry's leaf hash, SHA-256(0x00 || entry); the path of the proof (RFC 9162, section 2.1.3.2);
//    the root at its end against the root of the checkpoint in the proof (c2sp.org/tlog-proof, c2sp.org/tlog-checkpoint),
//    and against the checkpoint that the reader has from elsewhere, if one is given.
// 2. Signatures (c2sp.org/signed-note, c2sp.org/tlog-cosignature) are checked with the keys that are given, as far as
//    the browser knows Ed25519. It knows no ML-DSA-44, and the page says so.
// 3. What is malformed is refused with the line and the rule. Nothing is taken for good because it could not be read.
// 4. The functions of `tlog` are pure; what follows them reads the fields of the page. Sizes are BigInt: up to 2^63 - 1.
"use strict";

const tlog = (() => {
  const FIRST_LINE = "c2sp.org/tlog-proof@v1";
  const MAX_SIZE = (1n << 63n) - 1n;
  const [ED25519, COSIGNATURE, ML_DSA_44] = [0x01, 0x04, 0x06];
  const PUBLIC_BYTES = { [ED25519]: 32, [COSIGNATURE]: 32, [ML_DSA_44]: 1312 };
  const bytesOf = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);

  class Fault extends Error {}

  function joined(...parts) {
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  function unbase64(what, text) {
    let bytes;
    try {
      bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    } catch {
      throw new Fault(`${what}: is not base64`);
    }
    if (btoa(String.fromCharCode(...bytes)) !== text) throw new Fault(`${what}: is not base64 as it is to be written`);
    return bytes;
  }

  function decimal(what, text) {
    if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_SIZE)
      throw new Fault(`${what}: is not a decimal from 0 to 2^63 - 1 without leading zeros`);
    return BigInt(text);
  }

  // A signed note with a checkpoint as its text: origin, size, root, and the lines of signatures, none verified.
  function parseCheckpoint(note) {
    const blank = note.lastIndexOf("\n\n");
    if (blank < 0) throw new Fault("checkpoint: no blank line stands before the signatures");
    const text = note.slice(0, blank + 1);
    const after = note.slice(blank + 2);
    if (!after.endsWith("\n")) throw new Fault("checkpoint: the last line does not end with a newline");
    const [origin, size, root] = text.split("\n");
    if (!origin) throw new Fault("checkpoint: line 1 (origin) is empty");
    const hash = unbase64("checkpoint: line 3 (root)", root || "");
    if (hash.length !== 32) throw new Fault(`checkpoint: line 3 (root) has ${hash.length} bytes, not 32`);
    const signatures = after.slice(0, -1).split("\n").map((line) => {
      const parts = line.split(" ");
      if (parts.length !== 3 || parts[0] !== "\u2014" || !parts[1])
        throw new Fault("checkpoint: a signature line is not an em dash, a name and base64");
      const body = unbase64(`signature by ${parts[1]}`, parts[2]);
      if (body.length < 5) throw new Fault(`signature by ${parts[1]}: is shorter than a key ID and one byte`);
      return { name: parts[1], id: hex(body.slice(0, 4)), body: body.slice(4) };
    });
    return { origin, size: decimal("checkpoint: line 2 (size)", size || ""), root: hash, text, signatures };
  }

  function parseProof(text) {
    const blank = text.indexOf("\n\n");
    if (blank < 0) throw new Fault("proof: no blank line stands before the checkpoint");
    const lines = text.slice(0, blank).split("\n");
    if (lines.shift() !== FIRST_LINE) throw new Fault(`proof: line 1 is not ${FIRST_LINE}`);
    if (lines.length && lines[0].startsWith("extra ")) unbase64("proof: extra", lines.shift().slice(6));
    const line = lines.shift() || "";
    if (!line.startsWith("index ")) throw new Fault("proof: there is no line with the index");
    if (lines.length > 63) throw new Fault(`proof: has ${lines.length} hashes; a path has at most 63`);
    const hashes = lines.map((one) => {
      const hash = unbase64("proof: a hash", one);
      if (hash.length !== 32) throw new Fault(`proof: a hash has ${hash.length} bytes, not 32`);
      return hash;
    });
    return { index: decimal("proof: index", line.slice(6)), hashes, note: text.slice(blank + 2) };
  }

  async function sha256(...parts) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  }

  const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
  const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

  // The root to which a path leads, and the way there. Raises Fault for a path that is too long or too short.
  async function climb(index, size, leaf, hashes) {
    if (index >= size) throw new Fault(`proof: the index is ${index}, in a tree of ${size} leaves`);
    if ([leaf, ...hashes].some((one) => one.length !== 32)) throw new Fault("proof: a hash has not 32 bytes");
    let [node, last, found] = [index, size - 1n, leaf];
    const steps = [];
    for (const sibling of hashes) {
      if (last === 0n) throw new Fault(`proof: has ${hashes.length} hashes, more than a path in ${size} leaves`);
      const left = (node & 1n) === 1n || node === last;
      found = left ? await nodeHash(sibling, found) : await nodeHash(found, sibling);
      steps.push({ left, sibling, found });
      if (left) while ((node & 1n) === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
      [node, last] = [node >> 1n, last >> 1n];
    }
    if (last !== 0n) throw new Fault(`proof: has ${hashes.length} hashes, fewer than the path of leaf ${index}`);
    return { root: found, steps };
  }

  async function parseKey(text) {
    const match = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
    if (!match) throw new Fault(`key ${text.slice(0, 40)}: is not name+8 hex digits+base64`);
    const material = unbase64(`key ${match[1]}`, match[3]);
    const wanted = PUBLIC_BYTES[material[0]];
    if (wanted === undefined || material.length !== wanted + 1)
      throw new Fault(`key ${match[1]}: is of no type that is known here, or has another length`);
    const id = hex((await sha256(bytesOf(match[1]), Uint8Array.of(10), material)).slice(0, 4));
    if (id !== match[2]) throw new Fault(`key ${match[1]}: the key ID is ${match[2]}, but its key has ${id}`);
    return { name: match[1], id, type: material[0], public: material.slice(1) };
  }

  // "good", "forged", or "cannot" where this browser does not know the algorithm.
  async function verdictOf(key, line, checkpoint) {
    if (key.type === ML_DSA_44) return { verdict: "cannot", why: "ML-DSA-44" };
    let [signature, message, time] = [line.body, checkpoint.text, null];
    if (key.type === COSIGNATURE) {
      if (signature.length !== 72) return { verdict: "forged" };
      time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
      signature = signature.slice(8);
      message = `cosignature/v1\ntime ${time}\n${message}`;
    }
    let known;
    try {
      known = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return { verdict: "cannot", why: "Ed25519" };
    }
    const holds = await crypto.subtle.verify({ name: "Ed25519" }, known, signature, bytesOf(message));
    return holds ? { verdict: "good", time } : { verdict: "forged" };
  }

  // Every line by one of the keys. A key that has signed nothing is told of too.
  async function signaturesOf(checkpoint, keys) {
    const found = [];
    for (const key of keys) {
      const lines = checkpoint.signatures.filter((line) => line.name === key.name && line.id === key.id);
      if (!lines.length) found.push({ name: key.name, id: key.id, type: key.type, verdict: "absent" });
      for (const line of lines)
        found.push({ name: key.name, id: key.id, type: key.type, ...(await verdictOf(key, line, checkpoint)) });
    }
    return found;
  }

  // Everything that the page asks. `ok`: the entry is in the tree, and nothing that was given speaks against it.
  async function check({ entry, proof, checkpoint = "", keys = "" }) {
    const made = parseProof(proof);
    const own = parseCheckpoint(made.note);
    const leaf = await leafHash(typeof entry === "string" ? bytesOf(entry) : entry);
    const { root, steps } = await climb(made.index, own.size, leaf, made.hashes);
    const holds = same(root, own.root);
    let other = null;
    let relied = own;
    if (checkpoint.trim()) {
      relied = parseCheckpoint(checkpoint);
      other = "same";
      if (relied.origin !== own.origin) other = "origin";
      else if (relied.size !== own.size) other = "size";
      else if (!same(relied.root, root)) other = "root";
    }
    const lines = keys.split("\n").map((line) => line.trim()).filter(Boolean);
    const signatures = await signaturesOf(relied, await Promise.all(lines.map(parseKey)));
    const forged = signatures.some((one) => one.verdict === "forged");
    const ok = holds && (other === null || other === "same") && !forged;
    return { ok, holds, other, forged, leaf, steps, root, index: made.index, own, relied, signatures };
  }

  return { Fault, bytesOf, hex, same, unbase64, parseCheckpoint, parseProof, parseKey, leafHash, nodeHash, climb,
    verdictOf, signaturesOf, check };
})();

if (typeof module !== "undefined") module.exports = tlog;

if (typeof document !== "undefined") {
  const one = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

  function told(report, say) {
    const values = { name: report.relied.origin, size: report.own.size, index: report.index, other: report.relied.size };
    const badge = one("p", filled(say[report.holds ? "holds" : "fails"], values), `badge ${report.holds ? "good" : "bad"}`);
    const parts = [badge];
    if (report.other !== null) {
      const good = report.other === "same";
      parts.push(one("p", filled(say[`other-${report.other}`], values), `badge ${good ? "good" : "bad"}`));
    }
    const list = one("ul");
    for (const line of report.signatures) {
      const said = { name: `${line.name} (${line.id})`, why: line.why, time: "" };
      let key = { good: "signed", forged: "forged", cannot: "cannot", absent: "not-signed" }[line.verdict];
      if (line.time !== null && line.time !== undefined) {
        key = "cosigned";
        said.time = new Date(Number(line.time) * 1000).toISOString();
      }
      list.append(one("li", filled(say[key], said), line.verdict === "forged" ? "error" : ""));
    }
    if (!report.signatures.some((line) => line.verdict === "good")) list.append(one("li", say.unsigned));
    const way = one("ol");
    way.append(one("li", `${say.leaf} `));
    way.lastChild.append(one("code", tlog.hex(report.leaf), "hash"));
    for (const step of report.steps) {
      way.append(one("li", `${say[step.left ? "left" : "right"]} `));
      way.lastChild.append(one("code", tlog.hex(step.sibling), "hash"), " → ", one("code", tlog.hex(step.found), "hash"));
    }
    way.append(one("li", `${filled(say.root, values)} `));
    way.lastChild.append(one("code", tlog.hex(report.own.root), "hash"));
    const details = one("details");
    details.append(one("summary", say.in), way);
    return [...parts, list, details];
  }

  async function checked(form, say, result) {
    const field = (name) => form.elements.namedItem(name).value.replace(/\r\n?/g, "\n");
    const ended = (text) => (text.trim() && !text.endsWith("\n") ? `${text}\n` : text);
    result.removeAttribute("data-ok");
    if (!(globalThis.crypto && crypto.subtle)) {
      result.replaceChildren(one("p", say["no-crypto"], "badge warn"));
      return;
    }
    try {
      const report = await tlog.check({
        entry: field("entry-bytes").replace(/\n+$/, ""),
        proof: ended(field("proof")),
        checkpoint: ended(field("checkpoint").replace(/^\s+/, "")),
        keys: field("keys"),
      });
      result.replaceChildren(...told(report, say));
      result.setAttribute("data-ok", String(report.ok));
    } catch (error) {
      if (!(error instanceof tlog.Fault)) throw error;
      const said = one("p", `${say.malformed} `, "badge bad");
      const why = one("span", error.message);
      why.lang = "en";
      said.append(why);
      result.replaceChildren(said);
      result.setAttribute("data-ok", "false");
    }
  }

  const prepare = () => {
    const form = document.getElementById("check");
    if (!form || form.dataset.ready) return;
    form.dataset.ready = "true";
    form.hidden = false;
    const say = JSON.parse(form.dataset.words);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      checked(form, say, document.getElementById("check-result"));
    });
  };
  prepare();
  document.addEventListener("swapped", prepare);
}
