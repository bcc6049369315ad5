# A service on the CPU: POST /recommend at port 8080. compose.yaml starts it beside Redis.
#   docker build -t recbole_poem .
#   docker run --rm -v "$PWD/saved:/app/saved:ro" -v "$PWD/dataset:/app/dataset:ro" -p 127.0.0.1:8080:8080 recbole_poem
FROM python:3.11-slim

# OpenMP, which DGL's library is linked to and the slim image lacks
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# torch for the CPU: a tenth of what the wheels for GPUs weigh
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
        -c constraints.txt ".[serve,index]" \
    && rm -rf /src/*

# nobody writes here but RecBole's log; checkpoints and data sets are mounted
RUN useradd --create-home --uid 1000 poem && install -d -o poem -g poem /app
USER poem
WORKDIR /app
ENV OMP_NUM_THREADS=1
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", \
    "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["recbole-poem"]
# inside a container 0.0.0.0 is its own network; what reaches it says -p
CMD ["serve", "--checkpoint=latest", "--host=0.0.0.0"]
