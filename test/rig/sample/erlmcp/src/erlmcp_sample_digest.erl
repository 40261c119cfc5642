%% What the application itself says its tables hold, independent of any backup.
%%
%% digest: SHA-256 over the table's objects as external terms (minor_version 2, deterministic),
%% sorted as bytes, each with its length (4 bytes, big endian) in front.
%% lookup_digest, for bags only: the same over the keys' objects in the order a lookup returns
%% them, keys sorted by their external terms. It tells whether the order within a key survived.
-module(erlmcp_sample_digest).

-export([ets/1, dets/1, mnesia/1, objects/1]).

%% Has to run in the owner when the table is private.
-spec ets(ets:table()) -> map().
ets(Table) ->
    Info = fun(Item) -> ets:info(Table, Item) end,
    Facts = #{
        component => ets,
        name => Info(name),
        named => Info(named_table),
        type => Info(type),
        protection => Info(protection),
        keypos => Info(keypos),
        compressed => Info(compressed),
        owner => owner_name(Info(owner))
    },
    Lookup = fun(Key) -> ets:lookup(Table, Key) end,
    add_digests(Facts, ets:tab2list(Table), Info(keypos), Lookup).

-spec dets(dets:tab_name()) -> map().
dets(Table) ->
    Facts = #{
        component => dets,
        name => Table,
        file => unicode:characters_to_binary(dets:info(Table, filename)),
        type => dets:info(Table, type),
        keypos => dets:info(Table, keypos)
    },
    Lookup = fun(Key) -> dets:lookup(Table, Key) end,
    add_digests(Facts, dets:match_object(Table, '_'), dets:info(Table, keypos), Lookup).

%% A table of Mnesia, one fragment of a fragmented one included; read here if a replica is here.
-spec mnesia(atom()) -> map().
mnesia(Table) ->
    Info = fun(Item) -> mnesia:table_info(Table, Item) end,
    Facts = #{
        component => mnesia,
        name => Table,
        type => Info(type),
        storage => Info(storage_type),
        local_content => Info(local_content),
        ram_copies => Info(ram_copies),
        disc_copies => Info(disc_copies),
        disc_only_copies => Info(disc_only_copies)
    },
    case Info(where_to_read) of
        nowhere ->
            Facts#{unreachable => true};
        _ ->
            Pattern = Info(wild_pattern),
            Objects = mnesia:activity(async_dirty, fun() ->
                mnesia:match_object(Table, Pattern, read)
            end),
            Lookup = fun(Key) -> mnesia:dirty_read(Table, Key) end,
            add_digests(Facts, Objects, 2, Lookup)
    end.

-spec objects([tuple()]) -> binary().
objects(Objects) ->
    hash(lists:sort([external(Object) || Object <- Objects])).

add_digests(#{type := Type} = Facts, Objects, KeyPos, Lookup) ->
    Counted = Facts#{rows => length(Objects), digest => objects(Objects)},
    case Type =:= bag orelse Type =:= duplicate_bag of
        true -> Counted#{lookup_digest => by_lookup(Objects, KeyPos, Lookup)};
        false -> Counted
    end.

by_lookup(Objects, KeyPos, Lookup) ->
    Keys = lists:usort([{external(element(KeyPos, O)), element(KeyPos, O)} || O <- Objects]),
    hash([external(Object) || {_, Key} <- Keys, Object <- Lookup(Key)]).

external(Term) ->
    term_to_binary(Term, [{minor_version, 2}, deterministic]).

hash(Binaries) ->
    State = lists:foldl(
        fun(Binary, Acc) ->
            crypto:hash_update(Acc, [<<(byte_size(Binary)):32>>, Binary])
        end,
        crypto:hash_init(sha256),
        Binaries
    ),
    string:lowercase(binary:encode_hex(crypto:hash_final(State))).

owner_name(Pid) ->
    case process_info(Pid, registered_name) of
        {registered_name, Name} -> Name;
        _ -> unregistered
    end.
