// Uploads a file in parts by tus 1.0 (tus.io), with an upload token. After a cut it asks how much has arrived, and goes
// on there.

const PART = 1024 * 1024; // bytes of one request, and so of one step of the progress; at least MIN_UPLOAD_PART_BYTES
const ANSWER_MS = 60_000; // a request that takes longer is given up; what it has brought stays
const WAITS_MS = [200, 500, 1000, 2000, 4000, 8000, 15_000, 30_000]; // after failures in a row

// mintToken: asks your server for { url, token }. Returns what the completion answers: the job { id, token }.
export async function uploadInParts(file, mintToken, { progress, interrupted }) {
  const { url, token } = await patiently(mintToken, interrupted);
  const headers = { Authorization: `Bearer ${token}`, "Tus-Resumable": "1.0.0" };
  const created = await patiently(() => ask(`${url}/v1/uploads/resumable`, {
    method: "POST",
    headers: { ...headers, "Upload-Length": file.size, "Upload-Metadata": `filename ${base64(file.name)}` },
  }), interrupted);
  const place = new URL(created.headers.get("Location"), url);

  let offset = 0;
  while (offset < file.size) {
    offset = await patiently(async (again) => {
      if (again) {
        const arrived = offsetOf(await ask(place, { method: "HEAD", headers }));
        if (arrived !== offset) {
          return arrived;
        }
      }
      return offsetOf(await ask(place, {
        method: "PATCH",
        headers: { ...headers, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" },
        body: file.slice(offset, offset + PART),
      }));
    }, interrupted);
    progress(offset / file.size);
  }

  const id = place.pathname.split("/").pop();
  const completion = { method: "POST", headers: { Authorization: headers.Authorization } };
  const completed = await patiently(() => ask(`${url}/v1/uploads/${id}/completion`, completion), interrupted);
  return { url, job: await completed.json() };
}

// fetch that refuses an answer without success, and does not wait for ever.
export async function ask(url, options) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) {
    throw await Refused.by(response);
  }
  return response;
}

class Refused extends Error {
  static async by(response) {
    const problem = await response.json().catch(() => ({})); // HEAD has no body, and a proxy's is not JSON
    const { status, headers } = response;
    const refused = new Refused(problem.detail ?? `The request was answered ${status}.`);
    refused.passes = [408, 409, 429].includes(status) || (status >= 500 && status !== 507);
    refused.waitMs = 1000 * (Number(headers.get("Retry-After")) || 0);
    return refused;
  }
}

// Repeats a step whose connection is lost, or whose refusal passes. The step learns which try it is, from 0 on.
async function patiently(step, interrupted) {
  for (let failures = 0; ; failures += 1) {
    try {
      return await step(failures);
    } catch (error) {
      if ((error instanceof Refused && !error.passes) || failures === WAITS_MS.length) {
        throw error;
      }
      interrupted(error);
      await new Promise((resolve) => setTimeout(resolve, Math.max(WAITS_MS[failures], error.waitMs ?? 0)));
    }
  }
}

function offsetOf(response) {
  return Number(response.headers.get("Upload-Offset"));
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
